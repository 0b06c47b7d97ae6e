// cri.mjs SOCKET METHOD [REQUEST]: one call of the container runtime interface, as kubelet makes them; the request and the
// response are JSON. An error is told on standard error. No calls of it, but several: RunContainer creates and starts one,
// and tells its id even if it does not start; RemoveAll stops and removes all pods.
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

async function RunContainer(request) {
  const { container_id } = await call("CreateContainer", request);
  console.log(container_id);
  await call("StartContainer", { container_id });
}

async function RemoveAll() {
  for (const { id } of (await call("ListPodSandbox", {})).items) {
    await call("StopPodSandbox", { pod_sandbox_id: id });
    await call("RemovePodSandbox", { pod_sandbox_id: id });
  }
  for (const { id } of (await call("ListContainers", {})).containers) await call("RemoveContainer", { container_id: id });
}

const print = (response) =>
  console.log(JSON.stringify(response, (key, value) => (value?.type === "Buffer" ? Buffer.from(value.data).toString() : value)));

try {
  const several = { RunContainer, RemoveAll }[method];
  const message = JSON.parse(request);
  if (several) await several(message);
  else print(await call(method, message));
} catch (error) {
  console.error(error.details ?? error.message);
  process.exitCode = 1;
} finally {
  client.close();
}
