"""Where batch jobs are: beside the OpenAI dialect, whose clients look for them there."""

FILES = "/v1/files"
FILE = FILES + "/{file}"
CONTENT = FILE + "/content"
BATCHES = "/v1/batches"
BATCH = BATCHES + "/{batch}"
CANCEL = BATCH + "/cancel"
