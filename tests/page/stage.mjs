// What the browser looks at: the real program, watching certificates in every state, some of them named by somebody with bad intentions.
// May touch: its own temporary folder, free ports of the loopback. Ends everything that it starts.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Authority } from "./authority.mjs";
import { cluster } from "./cluster.mjs";

// What whoever writes certificates might write. Each sets `window.attacked` when it gets to run.
export const EVIL = {
  element: "<script>window.attacked=1</script>",
  image: "<img src=x onerror=window.attacked=1>",
  attribute: "\" autofocus onfocus=\"window.attacked=1\" x='",
  address: "javascript:window.attacked=1",
  comment: "<!--</title></style></script>",
  backwards: "gpj.\u202Egnp.exe\u202C\u2066x\u2069",
  lines: "first\nsecond\tthird",
  width: "pay\u200Bpal\u00ADcom\uFEFF",
};

export async function stage() {
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  const closing = [];
  const published = {};
  const web = createServer((asked, answer) => {
    const body = published[asked.url];
    answer.writeHead(body ? 200 : 404).end(body);
  });
  const at = await listening(web);
  closing.push(() => web.close());

  const ca = new Authority(join(folder, "ca"), "Shop CA", `http://${at}/shop.crl`);
  const certs = join(folder, "certs");
  mkdirSync(certs);
  const issue = (file, ...rest) => ca.issue(join(certs, file), ...rest);
  issue("shop.pem", "shop.example.com", -30, 60, "shop.example.com");
  issue("ending.pem", "ending.example.com", -87, 3, "ending.example.com");
  issue("expired.pem", "expired.example.com", -90, -1, "expired.example.com");
  issue("revoked.pem", "revoked.example.com", -30, 60, "revoked.example.com");
  ca.revoke(join(certs, "revoked.pem"));
  for (const [name, text] of Object.entries(EVIL)) issue(`evil-${name}.pem`, text, -30, 60);
  for (let number = 0; number < 60; number++) issue(`batch-${String(number).padStart(2, "0")}.pem`, `many-${number}.example.com`, -1, 200 + number);
  writeFileSync(join(certs, "<b>garbage<b>.pem"), "-----BEGIN CERTIFICATE-----\nno\n");
  published["/shop.crl"] = ca.list();
  // What comes while somebody looks, and what a cluster holds.
  mkdirSync(join(folder, "live"));
  ca.issue(join(folder, "arrives.pem"), "arrives.example.com", -1, 1);
  ca.issue(join(folder, "secret.pem"), "api.cluster.example", -30, 60);
  const secret = readFileSync(join(folder, "secret.pem"));
  const api = cluster([["shop", "api-tls", secret], ["stage", "api-tls", secret], ["<i>odd</i>", "odd", secret]]);
  writeFileSync(join(folder, "kubeconfig"), JSON.stringify({
    "current-context": "test",
    clusters: [{ name: "test", cluster: { server: `http://${await listening(api)}` } }],
    users: [{ name: "test", user: {} }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
  }));
  closing.push(() => api.closeAllConnections(), () => api.close());

  const closed = await closedPort();
  writeFileSync(join(folder, "notafter.toml"), `
[storage]
state_dir = "state"
cache_dir = "cache"
[defaults]
schedule = "@every 1h"
[revocation]
allow = ["127.0.0.0/8"]
[sources.files]
type = "file"
paths = ["certs/*.pem"]
labels = { team = "web" }
[sources.ca]
type = "file"
paths = ["ca/ca.pem"]
[sources.live]
type = "file"
paths = ["live/*.pem"]
schedule = "@every 1s"
[sources.cluster]
type = "kubernetes"
kubeconfig = "kubeconfig"
kinds = ["secret"]
[sources.edge]
type = "tls"
targets = ["127.0.0.1:${closed}"]
server_name = "down.example.com"
[[waiver]]
match = { sources = ["files"], places = ["*/expired.pem"] }
finding = "rotation_overdue"
until = 2099-12-31
owner = "team <web>"
why = "it is on its way out"
`);
  const program = spawn(process.env.NOTAFTER, ["--config", join(folder, "notafter.toml"), "--listen", "127.0.0.1:0"], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => program.once("exit", resolve));
  closing.push(() => {
    program.kill();
    return ended;
  });
  const base = await new Promise((resolve, reject) => {
    let said = "";
    program.stderr.on("data", (bytes) => {
      said += bytes;
      const found = said.match(/listen=\[([^\],]+)/);
      if (found) resolve(`http://${found[1]}/`);
    });
    program.on("exit", (code) => reject(new Error(`notafter ended with ${code}: ${said}`)));
  });
  await until("every source is scanned", async () => (await fetch(`${base}-/ready`)).ok);
  // Places are related, and lists fetched, a moment later.
  await until("the revocation is known", async () => (await (await fetch(`${base}places?state=revoked`)).text()).includes("1 place</strong> fit"));
  await until("CAs are known", async () => (await (await fetch(`${base}authorities`)).text()).includes("Shop CA"));

  return {
    base,
    // A certificate comes to be watched, and is known when this ends.
    async arrive() {
      renameSync(join(folder, "arrives.pem"), join(folder, "live", "arrives.pem"));
      await until("the new certificate is known", async () => (await (await fetch(`${base}certificates?q=arrives`)).text()).includes("arrives.example.com"));
    },
    async end() {
      for (const close of closing.reverse()) await close();
      rmSync(folder, { recursive: true, force: true });
    },
    // The same below a path of a proxy's; with what was asked of it.
    async behindProxy(prefix) {
      const asked = [];
      const proxy = createServer((incoming, outgoing) => {
        asked.push(incoming.url);
        if (!incoming.url.startsWith(prefix)) {
          outgoing.writeHead(404).end();
          return;
        }
        const passed = request(base + incoming.url.slice(prefix.length), { method: incoming.method }, (answer) => {
          outgoing.writeHead(answer.statusCode, answer.headers);
          answer.pipe(outgoing);
        });
        incoming.pipe(passed);
      });
      const address = await listening(proxy);
      closing.push(() => proxy.close());
      return { base: `http://${address}${prefix}`, asked };
    },
    // A page of somebody else's that shows ours in a frame.
    async framed() {
      const page = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end(`<iframe src="${base}"></iframe>`));
      const address = await listening(page);
      closing.push(() => page.close());
      return `http://${address}/`;
    },
  };
}

async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${server.address().port}`;
}

// Nobody listens there: the kernel has just given it out and taken it back.
async function closedPort() {
  const server = createTcpServer();
  const port = (await listening(server)).split(":")[1];
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// Waits for a condition, not for a time: the limit is there for what never comes.
export async function until(what, ask) {
  const began = Date.now();
  while (!(await Promise.resolve().then(ask).catch(() => false))) {
    if (Date.now() - began > 120_000) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
