// A large package in parts, past the web server, into the landing bucket (ingest/transports/direct.py).
// archive.direct(form, file, hooks) begins at once and answers {pause, resume, stop}. hooks: progress(bytes),
// waiting(sentence), digesting(), done(answer), failed(sentence, mayGoOn). Three parts travel at a time; a part that a
// lost connection took is sent again, and what is there already never twice.
(() => {
  "use strict";
  const AT_ONCE = 3, PAUSES = [1, 2, 4, 8, 15, 30];

  const seconds = (count) => new Promise((done) => {
    const stop = setTimeout(done, count * 1000);
    window.addEventListener("online", () => { clearTimeout(stop); done(); }, { once: true });
  });
  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  class Refused extends Error {}
  class Stopped extends Error {}

  function direct(form, file, hooks) {
    const [beginUrl, partsUrl, finishUrl, stopUrl] = form.dataset.direct.split(" ");
    const digests = new Map(), sent = new Map(), requests = new Set();
    let ticket = "", parts = 0, size = 0, paused = false, stopped = false, wake = null;

    async function ask(url, fields) {
      const data = new FormData();
      for (const [name, value] of new FormData(form)) if (typeof value === "string") data.append(name, value);
      for (const [name, value] of Object.entries(fields)) data.append(name, value);
      const answer = await fetch(url, { method: "POST", body: data, headers: { Accept: "application/json" } });
      let said = {};
      try { said = await answer.json(); } catch { /* no words of ours */ }
      if (answer.ok) return said;
      if (answer.status >= 500) throw new Error(said.message || `服务器没有办理（${answer.status}）`);
      throw new Refused(said.message || `服务器没有收下（${answer.status}）。`);
    }

    async function patiently(step) { // until it works, it is refused, or somebody stops it
      for (let turn = 0; ; turn += 1) {
        while (paused && !stopped) await new Promise((resume) => { wake = resume; });
        if (stopped) throw new Stopped();
        try { return await step(); } catch (fault) {
          if (fault instanceof Refused || fault instanceof Stopped || stopped) throw fault;
          if (paused) continue;
          const pause = PAUSES[Math.min(turn, PAUSES.length - 1)];
          hooks.waiting(`连接断了，${pause} 秒后接着传；已到的部分不用重传。`);
          await seconds(pause);
        }
      }
    }

    function report() {
      hooks.progress([...sent.values()].reduce((sum, bytes) => sum + bytes, 0));
    }

    const slice = (number) => file.slice((number - 1) * size, Math.min(number * size, file.size));

    function put(number, address) {
      return new Promise((done, fail) => {
        const request = new XMLHttpRequest();
        requests.add(request);
        const end = (action) => { requests.delete(request); action(); };
        request.upload.addEventListener("progress", (event) => { sent.set(number, event.loaded); report(); });
        request.addEventListener("load", () => end(() => {
          if (request.status < 300) { sent.set(number, slice(number).size); report(); done(); }
          else fail(new Error(`${request.status}`));
        }));
        for (const name of ["error", "abort", "timeout"])
          request.addEventListener(name, () => end(() => { sent.delete(number); report(); fail(new Error(name)); }));
        request.open("PUT", address);
        request.timeout = 10 * 60 * 1000;
        request.send(slice(number));
      });
    }

    async function digest(number) {
      if (digests.has(number)) return;
      let bytes;
      try { bytes = await slice(number).arrayBuffer(); } catch { throw new Refused("读不出本机的文件，它可能被移动或改动过。请重新选择。"); }
      digests.set(number, hex(await crypto.subtle.digest("SHA-256", bytes)));
    }

    async function sendMissing() { // one round; false when nothing was missing
      const { have, addresses } = await ask(partsUrl, { ticket });
      for (const number of have) sent.set(number, slice(number).size);
      report();
      const queue = Object.keys(addresses).map(Number);
      if (!queue.length) return false;
      let fault = null;
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        while (queue.length && !fault && !paused && !stopped) {
          const number = queue.shift();
          try { await digest(number); await put(number, addresses[number]); } catch (error) { fault = fault || error; }
        }
      }));
      if (fault) throw fault;
      return true;
    }

    async function run() {
      try {
        const begun = await patiently(() => ask(beginUrl, { name: file.name, size: file.size }));
        ({ ticket, parts, part_bytes: size } = begun);
        while (await patiently(sendMissing));
        for (let number = 1; number <= parts; number += 1) await digest(number);
        hooks.digesting();
        const words = Array.from({ length: parts }, (_, index) => digests.get(index + 1)).join(" ");
        hooks.done(await patiently(() => ask(finishUrl, { ticket, digests: words })));
      } catch (fault) {
        if (stopped) { if (ticket) ask(stopUrl, { ticket }).catch(() => {}); hooks.failed("已停止。"); }
        else hooks.failed(fault.message);
      }
    }

    const halt = () => { for (const request of requests) request.abort(); if (wake) wake(); };
    run();
    return {
      pause() { paused = true; halt(); },
      resume() { paused = false; if (wake) wake(); },
      stop() { stopped = true; paused = false; halt(); },
    };
  }

  window.archive = window.archive || {};
  if (window.crypto && window.crypto.subtle) window.archive.direct = direct; // only over https, or on this machine
})();
