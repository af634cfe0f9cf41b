// The upload area of parts/upload.html: one request a file, with progress, result, retry and stop.
// Two files travel at a time. Leaving the page while bytes are on their way asks first.
(() => {
  "use strict";
  const AT_ONCE = 2;
  const TONES = { success: "check", danger: "cross", warning: "alert", waiting: "pause", progress: "half", neutral: "dot", held: "lock", unknown: "question", gone: "minus" };

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function size(bytes) {
    if (bytes < 1024) return `${bytes} B`;
    for (const unit of ["KB", "MB", "GB"]) {
      bytes /= 1024;
      if (bytes < 1023.95) return `${bytes.toFixed(1)} ${unit}`;
    }
    return `${(bytes / 1024).toFixed(1)} TB`;
  }

  function chip(word, tone) {
    const known = tone in TONES ? tone : "neutral";
    const box = make("span", `chip tone-${known}`);
    box.append(window.archive.icon(TONES[known]), word);
    return box;
  }

  function prepare(form) {
    const input = form.querySelector("input[type=file]");
    const drop = form.querySelector("[data-drop]");
    const list = form.querySelector("[data-upload-list]");
    const body = list.querySelector("tbody");
    const sum = form.querySelector("[data-upload-sum]");
    const limit = Number(form.dataset.maxBytes) || Infinity;
    const directFrom = Number(form.dataset.directFrom) || 0;
    const queue = [];
    const items = [];
    let running = 0;

    function report() {
      const count = (state) => items.filter((item) => item.state === state).length;
      const left = count("waiting") + count("sending");
      const words = [`共 ${items.length} 个文件`, `${count("done")} 个已送达`];
      if (count("failed")) words.push(`${count("failed")} 个未成功`);
      if (left) words.push(`还有 ${left} 个`);
      sum.textContent = words.join("，") + "。";
    }

    function say(item, word, tone, sentence, url) {
      item.place.replaceChildren(chip(word, tone));
      if (sentence || url) {
        const line = make("p", "", sentence || "");
        if (url) {
          const link = make("a", "", "查看");
          link.href = url;
          line.append(" ", link);
        }
        item.place.append(line);
      }
    }

    function offer(item, label, action) {
      item.tools.replaceChildren();
      if (!label) return;
      const button = make("button", "button small", label);
      button.type = "button";
      button.addEventListener("click", action);
      item.tools.append(button);
    }

    function finish(item, state) {
      item.state = state;
      running -= 1;
      document.body.dispatchEvent(new Event("handed-in")); // lists of what is underway ask again
      report();
      next();
    }

    function fail(item, sentence) {
      say(item, "未成功", "danger", sentence);
      offer(item, "重试", () => { item.state = "waiting"; queue.push(item); say(item, "等待", "neutral"); offer(item); report(); next(); });
    }

    function answer(request) {
      try { return JSON.parse(request.responseText); } catch { return {}; }
    }

    function send(item) {
      const data = new FormData();
      for (const field of new FormData(form).entries()) if (field[0] !== input.name) data.append(...field);
      data.append(input.name, item.file, item.file.name);
      const request = new XMLHttpRequest();
      const bar = make("progress");
      bar.max = 100;
      bar.setAttribute("aria-label", `${item.file.name} 的上传进度`);
      const facts = make("p", "", "");
      item.place.replaceChildren(bar, facts);
      item.state = "sending";
      running += 1;
      const start = performance.now();
      offer(item, "停止", () => request.abort());
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        bar.value = (event.loaded * 100) / event.total;
        const rate = event.loaded / Math.max((performance.now() - start) / 1000, 0.1);
        const left = Math.ceil((event.total - event.loaded) / rate);
        facts.textContent = event.loaded < event.total
          ? `${size(event.loaded)} / ${size(event.total)}，每秒 ${size(Math.round(rate))}，约还需 ${left} 秒`
          : "已送达，正在检测……";
      });
      request.addEventListener("load", () => {
        const result = answer(request);
        if (request.status < 400 && result.word) {
          say(item, result.word, result.tone, result.message, result.url);
          offer(item);
          finish(item, "done");
        } else {
          fail(item, result.message || `服务器没有收下（${request.status}）。请稍后重试；仍然如此的，请告诉系统管理员。`);
          finish(item, "failed");
        }
      });
      request.addEventListener("error", () => { fail(item, "连接中断，没有收全。请检查网络后重试。"); finish(item, "failed"); });
      request.addEventListener("abort", () => { fail(item, "已停止。"); finish(item, "failed"); });
      request.open("POST", form.action);
      request.setRequestHeader("Accept", "application/json");
      request.send(data);
    }

    function sendDirect(item) {
      const bar = make("progress");
      bar.max = item.file.size;
      bar.setAttribute("aria-label", `${item.file.name} 的上传进度`);
      const facts = make("p", "", "");
      item.place.replaceChildren(bar, facts);
      item.state = "sending";
      running += 1;
      let since = performance.now(), before = 0;
      const upload = window.archive.direct(form, item.file, {
        progress(bytes) {
          bar.value = bytes;
          const rate = Math.max(bytes - before, 0) / Math.max((performance.now() - since) / 1000, 0.1);
          const left = rate > 0 ? `，每秒 ${size(Math.round(rate))}，约还需 ${Math.ceil((item.file.size - bytes) / rate)} 秒` : "";
          facts.textContent = `${size(bytes)} / ${size(item.file.size)}${left}`;
        },
        waiting(sentence) { facts.textContent = sentence; since = performance.now(); before = bar.value; },
        digesting() { bar.removeAttribute("value"); facts.textContent = "已送达，正在核对、接收……"; offer(item); },
        done(result) { say(item, result.word, result.tone, result.message, result.url); offer(item); finish(item, "done"); },
        failed(sentence) { fail(item, sentence); finish(item, "failed"); },
      });
      const pause = () => { upload.pause(); facts.textContent = "已暂停，可以随时继续；一天之内有效。"; buttons("继续", resume); };
      const resume = () => { since = performance.now(); before = bar.value; upload.resume(); buttons("暂停", pause); };
      function buttons(label, action) {
        offer(item, label, action);
        const stop = make("button", "button small", "停止");
        stop.type = "button";
        stop.addEventListener("click", () => upload.stop());
        item.tools.append(" ", stop);
      }
      buttons("暂停", pause);
    }

    function next() {
      while (running < AT_ONCE && queue.length) {
        const item = queue.shift();
        if (directFrom && window.archive.direct && item.file.size >= directFrom) sendDirect(item);
        else send(item);
      }
    }

    function add(files) {
      for (const file of files) {
        const row = make("tr");
        row.append(make("td", "", file.name), make("td", "num", size(file.size)));
        const item = { file, place: make("td"), tools: make("td", "num"), state: "waiting" };
        row.append(item.place, item.tools);
        body.append(row);
        items.push(item);
        if (file.size > limit) {
          item.state = "failed";
          say(item, "未上传", "danger", `文件 ${size(file.size)}，超过上限 ${size(limit)}。请分成几个包再传。`);
        } else {
          say(item, "等待", "neutral");
          queue.push(item);
        }
      }
      list.hidden = items.length === 0;
      report();
      next();
    }

    input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
    form.addEventListener("submit", (event) => event.preventDefault());
    for (const name of ["dragenter", "dragover"])
      drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    for (const name of ["dragleave", "drop"])
      drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
    drop.addEventListener("drop", (event) => add([...event.dataTransfer.files]));
    window.addEventListener("beforeunload", (event) => { if (running || queue.length) event.preventDefault(); });
  }

  document.querySelectorAll("form[data-upload]").forEach(prepare);
})();
