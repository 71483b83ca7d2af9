/** What a model takes, out of the OpenAPI document. */

/**
 * `{item, parameters, example, classNames, generation, readsFiles}`: two schemas without references, a request that
 * runs as it stands, names by output, and of a model that writes text whether it chats, and its defaults.
 */
export function contractOf(openapi, model) {
  const operation = openapi.paths[`/v1/models/${model}/predict`]?.post;
  const bodies = operation?.requestBody?.content ?? {};
  const content = bodies["application/json"];
  if (!content) return null;
  const request = resolved(content.schema, openapi);
  return {
    item: request.properties.inputs.items,
    parameters: request.properties.parameters ?? { properties: {} },
    example: content.example ?? { inputs: [{}] },
    classNames: operation["x-class-names"] ?? {},
    generation: operation["x-generation"] ?? null,
    readsFiles: "multipart/form-data" in bodies,
  };
}

/** Whether the service has this route for the model, named or by a pattern such as /v1/models/{model}/explain. */
export function offers(openapi, model, action) {
  return [`/v1/models/${model}/${action}`, `/v1/models/{model}/${action}`].some((path) => path in openapi.paths);
}

/** The schema with every $ref replaced by what it names; a schema that contains itself ends in an open one. */
function resolved(schema, openapi, above = []) {
  if (Array.isArray(schema)) return schema.map((each) => resolved(each, openapi, above));
  if (schema === null || typeof schema !== "object") return schema;
  if (typeof schema.$ref === "string") {
    if (above.includes(schema.$ref)) return {};
    const { $ref, ...beside } = schema;
    const target = $ref.slice(2).split("/").reduce((found, step) => found?.[step], openapi) ?? {};
    return { ...resolved(target, openapi, [...above, $ref]), ...beside };
  }
  return Object.fromEntries(Object.entries(schema).map(([name, each]) => [name, resolved(each, openapi, above)]));
}
