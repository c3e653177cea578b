// As much of an API server of Kubernetes as a source of Secrets asks for: a list, and a watch that never says anything.

import { createServer } from "node:http";

// A server with these Secrets: namespace, name, PEM.
export function cluster(secrets) {
  const items = secrets.map(([namespace, name, pem], at) => ({
    metadata: { namespace, name, uid: `uid-${at}`, resourceVersion: "7" },
    type: "kubernetes.io/tls",
    data: { "tls.crt": pem.toString("base64") },
  }));
  return createServer((asked, answer) => {
    const url = new URL(asked.url, "http://cluster");
    if (url.pathname !== "/api/v1/secrets") {
      answer.writeHead(404, { "content-type": "application/json" }).end(JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code: 404 }));
    } else if (url.searchParams.has("sendInitialEvents")) {
      const refused = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Invalid", code: 422, message: "sendInitialEvents is forbidden" };
      answer.writeHead(422, { "content-type": "application/json" }).end(JSON.stringify(refused));
    } else if (url.searchParams.has("watch")) {
      answer.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    } else {
      const list = { kind: "SecretList", apiVersion: "v1", metadata: { resourceVersion: "7" }, items };
      answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(list));
    }
  });
}
