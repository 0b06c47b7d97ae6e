// cri.mjs SOCKET CALLS REPLIES: calls of the container runtime interface, as kubelet makes them. CALLS and REPLIES are
// pipes. A call is a line "FOLDER METHOD REQUEST"; its response and its error, if any, are left in FOLDER as "stdout" and
// "stderr", and its exit status is the reply. Requests and responses are JSON. No calls of that interface, but several:
// RunContainer creates and starts one, and tells its id even if it does not start; RemoveAll stops and removes all pods.
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [socket, calls, replies] = process.argv.slice(2);
const definition = loader.loadSync(path.join(path.dirname(fileURLToPath(import.meta.url)), "cri.proto"), {
  keepCase: true, longs: Number, enums: String, defaults: true,
});
const { RuntimeService } = grpc.loadPackageDefinition(definition).runtime.v1;
const client = new RuntimeService(`unix://${socket}`, grpc.credentials.createInsecure());

const call = (method, request) => new Promise((resolve, reject) => {
  client[method](request, { deadline: Date.now() + 50000 }, (error, response) => (error ? reject(error) : resolve(response)));
});

async function RunContainer(request, print) {
  const { container_id } = await call("CreateContainer", request);
  print(container_id);
  await call("StartContainer", { container_id });
}

async function RemoveAll() {
  for (const { id } of (await call("ListPodSandbox", {})).items) {
    await call("StopPodSandbox", { pod_sandbox_id: id });
    await call("RemovePodSandbox", { pod_sandbox_id: id });
  }
  for (const { id } of (await call("ListContainers", {})).containers) await call("RemoveContainer", { container_id: id });
}

const several = { RunContainer, RemoveAll };
const json = (value) => JSON.stringify(value, (_, part) => (part?.type === "Buffer" ? Buffer.from(part.data).toString() : part));

async function answer(line) {
  const [, folder, method, request] = /^(\S+) (\S+) (.*)$/.exec(line);
  let out = "", error = "";
  try {
    if (several[method]) await several[method](JSON.parse(request), (text) => { out += `${text}\n`; });
    else out = `${json(await call(method, JSON.parse(request)))}\n`;
  } catch (thrown) {
    error = `${thrown.details ?? thrown.message}\n`;
  }
  fs.writeFileSync(path.join(folder, "stdout"), out);
  fs.writeFileSync(path.join(folder, "stderr"), error);
  return error ? 1 : 0;
}

// Opened for both, so that neither end ever finds the other one closed. What is written before that would be lost.
const reply = fs.openSync(replies, "r+");
const input = fs.createReadStream("", { fd: fs.openSync(calls, "r+") });
fs.writeSync(reply, "ready\n");
for await (const line of readline.createInterface({ input })) fs.writeSync(reply, `${await answer(line)}\n`);
