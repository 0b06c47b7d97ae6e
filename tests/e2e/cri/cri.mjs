// cri.mjs SOCKET METHOD [REQUEST]: one call of the container runtime interface, as kubelet makes them; the request and the
// response are JSON. An error is told on standard error. RemoveAll, which is no call of it, stops and removes all pods.
import path from "node:path";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [socket, method, request = "{}"] = process.argv.slice(2);
const definition = loader.loadSync(path.join(import.meta.dirname ?? path.dirname(process.argv[1]), "cri.proto"), {
  keepCase: true, longs: Number, enums: String, defaults: true,
});
const { RuntimeService } = grpc.loadPackageDefinition(definition).runtime.v1;
const client = new RuntimeService(`unix://${socket}`, grpc.credentials.createInsecure());

const call = (name, message) => new Promise((resolve, reject) => {
  client[name](message, { deadline: Date.now() + 50000 }, (error, response) => (error ? reject(error) : resolve(response)));
});

async function removeAll() {
  for (const { id } of (await call("ListPodSandbox", {})).items) {
    await call("StopPodSandbox", { pod_sandbox_id: id });
    await call("RemovePodSandbox", { pod_sandbox_id: id });
  }
  for (const { id } of (await call("ListContainers", {})).containers) await call("RemoveContainer", { container_id: id });
  return {};
}

try {
  const response = await (method === "RemoveAll" ? removeAll() : call(method, JSON.parse(request)));
  console.log(JSON.stringify(response, (key, value) => (value?.type === "Buffer" ? Buffer.from(value.data).toString() : value)));
} catch (error) {
  console.error(error.details ?? error.message);
  process.exitCode = 1;
} finally {
  client.close();
}
