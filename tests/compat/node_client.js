// toxiproxy-node-client, used as its own documentation and tests use it. One function for each part:
//
//     node node_client.js PART URL [ARGUMENT...]
//
// prints what the part returns as JSON. An assertion that does not hold ends it with status 1.
"use strict";
const assert = require("node:assert/strict");
const net = require("node:net");
const { Toxiproxy, ToxiproxyError } = require("toxiproxy-node-client");

const CLASSIC = {
  latency: { latency: 1000, jitter: 100 },
  bandwidth: { rate: 1000 },
  slow_close: { delay: 1000 },
  timeout: { timeout: 1000 },
  slicer: { average_size: 10, size_variation: 5, delay: 100 },
  limit_data: { bytes: 1024 },
  reset_peer: { timeout: 1000 },
};

// Everything that comes until the other end closes, or for so long.
function read(port, ms, send = "") {
  return new Promise((resolve, reject) => {
    const began = Date.now();
    let data = "";
    const socket = net.connect(port, "127.0.0.1", () => send && socket.write(send));
    const done = (how) => {
      socket.destroy();
      resolve({ data, how, ms: Date.now() - began });
    };
    socket.on("data", (bytes) => { data += bytes; });
    socket.on("end", () => done("end"));
    socket.on("error", (error) => done(error.code));
    setTimeout(() => done("open"), ms).unref();
    socket.on("close", () => done("close"));
  });
}

const portOf = (proxy) => Number(proxy.listen.split(":").pop());

const parts = {
  // README.md of the package, its example.
  async readme(toxiproxy, upstream) {
    const proxy = await toxiproxy.createProxy({ listen: "localhost:0", name: "redis", upstream });
    const toxic = await proxy.addToxic({ attributes: { rate: 1000 }, type: "bandwidth" });
    assert.deepEqual(toxic.toJson(), {
      attributes: { rate: 1000 }, name: "bandwidth_downstream", stream: "downstream",
      toxicity: 1, type: "bandwidth",
    });
    assert.match(proxy.listen, /^127\.0\.0\.1:[1-9]\d*$/);
    return read(portOf(proxy), 400, "hello");
  },

  async proxies(toxiproxy, upstream) {
    const body = { listen: "localhost:0", name: "p", upstream };
    const proxy = await toxiproxy.createProxy(body);
    assert.equal(proxy.name, "p");
    assert.equal(proxy.enabled, true);
    assert.deepEqual((await toxiproxy.get("p")).toJson(), proxy.toJson());
    assert.deepEqual(Object.keys(await toxiproxy.getAll()), ["p"]);
    await assert.rejects(toxiproxy.createProxy(body), (error) => {
      assert.ok(error instanceof ToxiproxyError);
      assert.equal(error.message, "Request failed with status code 409");
      return true;
    });
    await assert.rejects(toxiproxy.get("nope"), /status code 404/);
    const updated = await proxy.update({ enabled: true, listen: proxy.listen, upstream: "x:1" });
    assert.equal(updated.upstream, "x:1");
    assert.equal(updated.listen, proxy.listen);
    await proxy.remove();
    assert.deepEqual(await toxiproxy.getAll(), {});
    await assert.rejects(proxy.remove(), /status code 404/);
    assert.equal(JSON.parse(await toxiproxy.getVersion()).version, "2.12.0");
  },

  async toxics(toxiproxy, upstream) {
    const proxy = await toxiproxy.createProxy({ listen: "localhost:0", name: "p", upstream });
    for (const [type, attributes] of Object.entries(CLASSIC)) {
      for (const stream of ["downstream", "upstream"]) {
        const name = `${type}-${stream}`;
        const toxic = await proxy.addToxic({ attributes, name, stream, toxicity: 1, type });
        assert.deepEqual(toxic.toJson(), { attributes, name, stream, toxicity: 1, type });
        assert.deepEqual((await proxy.getToxic(name)).toJson(), toxic.toJson());
        const more = Object.fromEntries(Object.keys(attributes).map((key) => [key, 7]));
        const updated = await toxic.update({ ...toxic.toJson(), attributes: more, toxicity: 0.5 });
        assert.deepEqual(updated.toJson(), { ...toxic.toJson(), attributes: more, toxicity: 0.5 });
        await toxic.remove();
        await assert.rejects(proxy.getToxic(name), /status code 404/);
      }
    }
    await assert.rejects(proxy.addToxic({ type: "down", attributes: {} }), /status code 400/);
  },

  async disable(toxiproxy, upstream) {
    const proxy = await toxiproxy.createProxy({ listen: "localhost:0", name: "p", upstream });
    const port = portOf(proxy);
    assert.equal((await read(port, 300, "x")).data, "x");
    assert.equal((await proxy.update({ ...proxy.toJson(), enabled: false })).enabled, false);
    assert.equal((await read(port, 300, "x")).how, "ECONNREFUSED");
    assert.equal((await proxy.update({ ...proxy.toJson(), enabled: true })).listen, proxy.listen);
    assert.equal((await read(port, 300, "x")).data, "x");
  },

  async reset(toxiproxy, upstream) {
    const proxy = await toxiproxy.createProxy({ listen: "localhost:0", name: "p", upstream });
    await proxy.addToxic({ type: "timeout", attributes: { timeout: 0 } });
    await proxy.update({ ...proxy.toJson(), enabled: false });
    await toxiproxy.reset();
    assert.equal((await toxiproxy.get("p")).enabled, true);
    await assert.rejects(proxy.getToxic("timeout_downstream"), /status code 404/);
    assert.equal((await read(portOf(proxy), 300, "x")).data, "x");
  },

  async populate(toxiproxy, upstream) {
    const bodies = ["a", "b"].map((name) => ({ listen: "localhost:0", name, upstream }));
    const proxies = await toxiproxy.populate(bodies);
    assert.deepEqual(Object.keys(proxies), ["a", "b"]);
    const again = await toxiproxy.populate(Object.values(proxies).map((p) => p.toJson()));
    assert.deepEqual(again.a.toJson(), proxies.a.toJson());
    for (const proxy of Object.values(again)) {
      assert.equal((await read(portOf(proxy), 300, "x")).data, "x");
      await proxy.remove();
    }
  },

  // What the toxics do, as the client's user sees it.
  async effects(toxiproxy, upstream) {
    const proxy = await toxiproxy.createProxy({ listen: "localhost:0", name: "p", upstream });
    const port = portOf(proxy);
    const seen = {};
    const attributes = {
      latency: { latency: 60000, jitter: 0 }, timeout: { timeout: 200 }, limit_data: { bytes: 3 },
      reset_peer: { timeout: 0 }, bandwidth: { rate: 0 },
      slicer: { average_size: 1, size_variation: 0, delay: 60000000 },
    };
    for (const type of Object.keys(attributes)) {
      const toxic = await proxy.addToxic({ type, attributes: attributes[type] });
      seen[type] = await read(port, 500, "hello");
      await toxic.remove();
    }
    return seen;
  },

  // A toxic of deadpeer's own, by the same call: the proxy is there, its host is dead.
  async dead(toxiproxy, name, type, attributes) {
    const proxy = await toxiproxy.get(name);
    const toxic = await proxy.addToxic({ type, attributes: JSON.parse(attributes) });
    return toxic.toJson();
  },

  async heal(toxiproxy, name, toxic) {
    await (await (await toxiproxy.get(name)).getToxic(toxic)).remove();
  },
};

const [part, url, ...rest] = process.argv.slice(2);
parts[part](new Toxiproxy(url), ...rest).then(
  (told) => process.stdout.write(JSON.stringify(told ?? null)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  });
