// The small scripts of every page: keys, rows, dialogs, forms, toasts, the folding menu.
// All by delegation from the document, so that parts swapped in by htmx work without being set up again.
// Every page also works without this file, only slower for the hands.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const typing = (target) => target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

  // --- toasts: what is done, for a while; what failed stays until closed -------------------------------
  const STAY = 7000; // milliseconds

  function leaveLater(toast) {
    if (toast.classList.contains("tone-danger")) return;
    let timer = setTimeout(() => toast.remove(), STAY);
    for (const event of ["mouseenter", "focusin"]) toast.addEventListener(event, () => clearTimeout(timer));
    for (const event of ["mouseleave", "focusout"])
      toast.addEventListener(event, () => { clearTimeout(timer); timer = setTimeout(() => toast.remove(), STAY); });
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#i-${name}`);
    svg.append(use);
    return svg;
  }

  function toast(text, tone = "success") {
    const box = document.createElement("div");
    box.className = `toast tone-${tone}`;
    box.dataset.toast = "";
    const words = document.createElement("p");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "quiet-button";
    close.dataset.toastClose = "";
    close.setAttribute("aria-label", "关闭");
    close.append(icon("close"));
    box.append(icon(tone === "danger" ? "cross" : "check"), words, close);
    document.getElementById("toasts")?.append(box);
    leaveLater(box);
  }

  window.archive = { toast, icon };
  document.addEventListener("toast", (event) => toast(event.detail.text || event.detail.value, event.detail.tone));
  document.addEventListener("htmx:sendError", () => toast("连不上服务器，没有提交。请检查网络后再试。", "danger"));

  // --- rows: j k Enter x, selection and its bar ----------------------------------------------------------
  const rows = () => all("[data-row]").filter((row) => row.offsetParent !== null);
  const hereRow = () => document.activeElement?.closest("[data-row]");

  function goRow(step) {
    const list = rows();
    if (!list.length) return false;
    const at = list.indexOf(hereRow());
    const row = at < 0 ? list[step > 0 ? 0 : list.length - 1] : list[Math.min(Math.max(at + step, 0), list.length - 1)];
    (row.querySelector("[data-open]") || row.querySelector("a, button, input"))?.focus();
    row.scrollIntoView({ block: "nearest" });
    return true;
  }

  let lastBox = null;

  function showSelection(form) {
    const boxes = all("[data-select]", form);
    const chosen = boxes.filter((box) => box.checked);
    for (const box of boxes) box.closest("tr, [data-row]")?.classList.toggle("selected", box.checked);
    form.classList.toggle("some-selected", chosen.length > 0);
    for (const place of all("[data-selected]", form)) place.textContent = String(chosen.length);
    if (form.id) for (const place of all(`[data-selected-of="${form.id}"]`)) place.textContent = String(chosen.length);
    for (const whole of all("[data-select-all]", form)) {
      whole.checked = chosen.length > 0 && chosen.length === boxes.length;
      whole.indeterminate = chosen.length > 0 && chosen.length < boxes.length;
    }
  }

  document.addEventListener("click", (event) => {
    const box = event.target.closest("[data-select]");
    if (!box) return;
    const boxes = all("[data-select]", box.form || document);
    if (event.shiftKey && lastBox && boxes.includes(lastBox)) {
      const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
    }
    lastBox = box;
    if (box.form) showSelection(box.form);
  });

  // --- dialogs ---------------------------------------------------------------------------------------------
  function open(dialog) {
    if (!dialog || dialog.open) return;
    dialog.showModal();
    (dialog.querySelector("textarea, input:not([type=hidden])") || dialog.querySelector("footer [data-close]"))?.focus();
  }

  function showKeys() {
    const place = document.querySelector("[data-page-keys]");
    if (!place) return;
    const seen = new Set();
    place.replaceChildren();
    for (const item of all("[data-key]")) {
      const key = item.dataset.key;
      if (seen.has(key) || item.closest("dialog")) continue;
      seen.add(key);
      const [line, term, what, mark] = ["div", "dt", "dd", "kbd"].map((tag) => document.createElement(tag));
      mark.textContent = { ArrowLeft: "←", ArrowRight: "→" }[key] || key;
      what.textContent = item.dataset.keyLabel || item.textContent.trim();
      term.append(mark);
      line.append(term, what);
      place.append(line);
    }
    place.hidden = seen.size === 0;
    open(document.getElementById("keys"));
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    const opener = target.closest("[data-dialog]");
    if (opener) {
      event.preventDefault();
      if (opener.dataset.dialog === "keys") showKeys();
      else open(document.getElementById(opener.dataset.dialog));
    }
    if (target.closest("[data-close]")) target.closest("dialog")?.close();
    target.closest("[data-toast-close]")?.closest("[data-toast]").remove();
    if (target.closest("[data-print]")) window.print();
    const none = target.closest("[data-select-none]");
    if (none) {
      for (const box of all("[data-select]", none.form)) box.checked = false;
      showSelection(none.form);
    }
    for (const menu of all("details.person[open]")) if (!menu.contains(target)) menu.open = false;
    const fold = target.closest("[data-menu-fold]");
    if (fold) {
      // A cookie, not local storage: the server draws the next page folded and nothing jumps.
      const closed = document.body.classList.toggle("menu-closed");
      fold.setAttribute("aria-expanded", String(!closed));
      document.cookie = `menu=${closed ? "closed" : "open"};path=/;max-age=31536000;samesite=lax`;
    }
  });

  // --- lists keep their filters: the way back to a list leads to it as it was left --------------------------
  function keepLists() {
    const key = (path) => `list:${path}`;
    if (document.querySelector("[data-rows]")) sessionStorage.setItem(key(location.pathname), location.search);
    for (const link of all(".breadcrumbs a, a[data-back]")) {
      const kept = link.search ? "" : sessionStorage.getItem(key(link.pathname));
      if (kept) link.search = kept;
    }
  }

  document.addEventListener("htmx:pushedIntoHistory", keepLists);

  // --- forms -----------------------------------------------------------------------------------------------
  document.addEventListener("change", (event) => {
    const target = event.target;
    if (target.matches("[data-select-all]")) {
      for (const box of all("[data-select]", target.form)) box.checked = target.checked;
      showSelection(target.form);
    } else if (target.form?.matches("form[data-auto]") && target.matches("select, input[type=checkbox], input[type=radio], input[type=date]")) {
      target.form.requestSubmit();
    }
  });

  const PATIENCE = 8000; // milliseconds after which a form may be sent again at the latest

  // Empty fields stay out of the address of a filtered list: what is bookmarked is what was asked.
  document.addEventListener("formdata", (event) => {
    if (event.target.method !== "get") return;
    for (const [name, value] of [...event.formData.entries()]) if (value === "") event.formData.delete(name);
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.matches("[data-upload]")) return;
    // What a dialog asks for, a reason or the password, must be written.
    const dialog = event.submitter?.closest("dialog");
    const empty = dialog && all("textarea[required], input[required]", dialog).find((field) => !field.value.trim());
    if (empty) {
      event.preventDefault();
      empty.closest(".field").querySelector("[data-error]").hidden = false;
      empty.closest(".field").classList.add("wrong");
      empty.setAttribute("aria-invalid", "true");
      empty.focus();
      return;
    }
    if (form.matches("[data-again]") || event.submitter?.matches("[data-again]")) return;
    // One click, one deed: a second submit of the same form is dropped until the answer is here.
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
    setTimeout(unlock, PATIENCE); // a download answers without leaving the page
  });

  function unlock() {
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("[aria-busy]")) button.removeAttribute("aria-busy");
  }
  window.addEventListener("pageshow", (event) => { if (event.persisted) unlock(); });
  document.addEventListener("htmx:afterRequest", unlock);

  // --- keys ------------------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    const field = typing(event.target);
    if (event.key === "Escape") {
      const menu = document.querySelector("details.person[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
      else if (field && !field.closest("dialog")) field.blur();
      return;
    }
    if (field || document.querySelector("dialog[open]")) return;
    const press = (element) => { if (!element) return false; element.click(); return true; };
    let done = false;
    if (event.key === "/") {
      const box = document.querySelector("[data-search]");
      if (box) { box.focus(); box.select(); done = true; }
    } else if (event.key === "?") { showKeys(); done = true; }
    else if (event.key === "j") done = goRow(1);
    else if (event.key === "k") done = goRow(-1);
    else if (event.key === "x") done = press(hereRow()?.querySelector("[data-select]"));
    else if (event.key === "n") done = press(document.querySelector("a[rel=next]"));
    else if (event.key === "p") done = press(document.querySelector("a[rel=prev]"));
    // A page without rows or pages may give their keys another meaning.
    if (!done && (event.key.length === 1 || event.key.startsWith("Arrow")))
      done = press(all("[data-key]").find((item) => item.dataset.key === event.key && item.offsetParent !== null));
    if (done) event.preventDefault();
  });

  // --- at the start ------------------------------------------------------------------------------------------
  function settle(root) {
    all("[data-toast]", root).forEach(leaveLater);
    all("dialog[data-open-now]", root).forEach(open);
    root.querySelector("[data-focus]")?.focus();
    // Of many files and pages the open ones are in sight.
    for (const here of all(".viewer-list [aria-current]", root)) {
      const list = here.closest("nav");
      const below = here.getBoundingClientRect().top - list.getBoundingClientRect().top;
      list.scrollTop += below - (list.clientHeight - here.offsetHeight) / 2;
    }
    all("form", root).filter((form) => form.querySelector("[data-select]")).forEach(showSelection);
  }
  settle(document);
  keepLists();
  document.addEventListener("htmx:afterSwap", (event) => settle(event.detail.elt || event.target));
})();
