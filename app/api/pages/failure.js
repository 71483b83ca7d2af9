/** An error, as the service says it. */

import { element } from "./dom.js";

export function failure({ status, body }) {
  const details = Array.isArray(body.details) ? body.details : [];
  return element("div.failure", { role: "alert" },
    element("p.what", {}, String(body.error ?? "The request failed.")),
    details.length > 0 && element("ul", {}, details.map(detail)),
    element("p.quiet", {}, [status || null, body.error_type, body.request_id && `request ${body.request_id}`].filter(Boolean).join(" · ")),
  );
}

function detail({ loc = [], msg = "" }) {
  return element("li", {}, loc.length > 0 && element("code", {}, loc.join(".")), loc.length > 0 && " ", String(msg));
}
