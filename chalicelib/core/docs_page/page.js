"use strict";
// Renders the OpenAPI document beside this page. Everything is built as text nodes, so nothing in the document can become markup.

const base = location.pathname.replace(/\/docs\/?$/, "");
const METHODS = ["get", "post", "put", "patch", "delete"];
let spec, token = "";

/** An element. attributes: `class`, `onclick` and so on; children: nodes, text, or nothing. */
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null));
  return node;
}
const byId = (id) => document.getElementById(id);

/** `code` and **strong** of one line. */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) =>
    part.startsWith("`") && part.length > 1 ? el("code", {}, part.slice(1, -1))
      : part.startsWith("**") ? el("strong", {}, part.slice(2, -2)) : part);
}

/** The part of Markdown the document uses: headings, lists, paragraphs. */
function prose(text) {
  return (text || "").split(/\n{2,}/).map((block) => {
    const heading = /^#+ (.*)$/.exec(block);
    if (heading) return el("h3", {}, inline(heading[1]));
    const lines = block.split("\n");
    if (lines.every((line) => /^[-*] /.test(line))) return el("ul", {}, lines.map((line) => el("li", {}, inline(line.slice(2)))));
    return el("p", {}, inline(lines.join(" ")));
  });
}

/** What `$ref` points to, and `allOf` as one schema. */
function resolve(schema) {
  while (schema && schema.$ref) schema = schema.$ref.slice(2).split("/").reduce((at, key) => at[key.replace(/~1/g, "/")], spec);
  if (!schema || !schema.allOf) return schema || {};
  const parts = schema.allOf.map(resolve);
  const merged = Object.assign({}, ...parts, schema);
  merged.properties = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part.properties || {})) {
      const known = merged.properties[name];
      merged.properties[name] = known ? { allOf: [known, value] } : value;
    }
  }
  merged.required = [...new Set(parts.flatMap((part) => part.required || []))];
  delete merged.allOf;
  return merged;
}

/** A schema's type in a few words. */
function typeOf(schema) {
  const name = schema && schema.$ref ? schema.$ref.split("/").pop() : "";
  const found = resolve(schema);
  if (found.anyOf) return [...new Set(found.anyOf.map(typeOf))].join(" | ");
  if ("const" in found) return JSON.stringify(found.const);
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (found.type === "array") return `${typeOf(found.items || {})}[]`;
  if (found.format === "binary") return "file";
  return name || [].concat(found.type || "any").join(" | ");
}

function limits(schema) {
  let found = resolve(schema);
  if (found.anyOf) found = { ...resolve(found.anyOf.find((part) => resolve(part).type !== "null") || {}), default: found.default };
  const parts = [];
  const range = (low, high, unit) => {
    if (Math.abs(low) >= 1e12) low = undefined; // bounds nobody meets
    if (high >= 1e12) high = undefined;
    if (low === 1 && high === undefined && unit) parts.push("not empty");
    else if (low !== undefined && high !== undefined) parts.push(`${low} to ${high}${unit}`);
    else if (low !== undefined) parts.push(`at least ${low}${unit}`);
    else if (high !== undefined) parts.push(`at most ${high}${unit}`);
  };
  range(found.minimum, found.maximum, "");
  range(found.minLength, found.maxLength, " characters");
  range(found.minItems, found.maxItems, " items");
  if (found.pattern) parts.push(`like ${found.pattern}`);
  if (found.default !== undefined) parts.push(`default ${JSON.stringify(found.default)}`);
  return parts.join(", ");
}

/** The fields of an object, with those inside as far as somebody opens them. */
function tree(schema, depth = 0) {
  let found = resolve(schema);
  if (found.anyOf) found = resolve(found.anyOf.find((part) => resolve(part).type !== "null") || {});
  if (found.type === "array") found = resolve(found.items || {});
  const names = Object.keys(found.properties || {});
  if (!names.length) return null;
  return el("ul", { class: "tree" }, names.map((name) => {
    const part = found.properties[name];
    const note = [resolve(part).description || part.description, limits(part)].filter(Boolean).join(" · ");
    const line = [
      el("code", { class: (found.required || []).includes(name) ? "required" : undefined }, name), " ",
      el("span", { class: "type" }, typeOf(part)), note ? el("span", { class: "note" }, " ", inline(note)) : null,
    ];
    const inner = depth < 6 && holdsFields(part);
    if (!inner) return el("li", {}, line);
    const more = el("details", { ontoggle: () => more.open && more.children.length === 1 && more.append(tree(part, depth + 1)) }, el("summary", {}, line));
    return el("li", {}, more);
  }));
}

function holdsFields(schema) {
  let found = resolve(schema);
  if (found.anyOf) found = resolve(found.anyOf.find((part) => resolve(part).type !== "null") || {});
  if (found.type === "array") found = resolve(found.items || {});
  return Object.keys(found.properties || {}).length > 0;
}

const pretty = (value) => el("pre", { tabindex: "0" }, typeof value === "string" ? value : JSON.stringify(value, null, 2));

function parametersOf(operation) {
  return (operation.parameters || []).map(resolve);
}

function parameterTable(parameters) {
  if (!parameters.length) return null;
  return [el("h4", {}, "Parameters"), el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, ["name", "in", "type", "meaning"].map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, parameters.map((p) => el("tr", {},
      el("td", {}, el("code", { class: p.required ? "required" : undefined }, p.name)), el("td", { class: "type" }, p.in),
      el("td", { class: "type" }, typeOf(p.schema)),
      el("td", {}, inline([p.description, limits(p.schema)].filter(Boolean).join(" · "))))))))];
}

function bodyOf(operation) {
  if (!operation.requestBody) return null;
  return [el("h4", {}, "Body"), Object.entries(operation.requestBody.content).map(([mime, media]) => el("div", {},
    el("p", { class: "type" }, mime), tree(media.schema) || el("p", { class: "quiet" }, resolve(media.schema).description || typeOf(media.schema)),
    media.example === undefined ? null : pretty(media.example)))];
}

function answersOf(operation) {
  return [el("h4", {}, "Answers"), Object.entries(operation.responses).map(([status, given]) => {
    const response = resolve(given);
    const fill = (box) => {
      const headers = Object.keys(response.headers || {});
      if (headers.length) box.append(el("p", { class: "quiet" }, "Headers: ", headers.join(", ")));
      for (const [mime, media] of Object.entries(response.content || {})) {
        box.append(el("p", { class: "type" }, mime));
        const fields = tree(media.schema);
        if (fields) box.append(fields);
        const examples = media.examples ? Object.values(media.examples).map((e) => resolve(e).value) : media.example === undefined ? [] : [media.example];
        box.append(...examples.map(pretty));
      }
    };
    const box = el("div");
    const shown = el("details", { class: "answer", ontoggle: () => shown.open && !box.children.length && fill(box) },
      el("summary", {}, el("span", { class: "status" + (status < 400 ? " ok" : "") }, status), el("span", {}, inline(response.description))), box);
    return shown;
  })];
}

/** The form that sends a request from here. */
function tryIt(method, path, operation) {
  const inputs = new Map();
  const parameters = parametersOf(operation).filter((p) => p.name !== "X-Account-Id");
  const fields = parameters.map((p) => {
    const id = `${operation.operationId}-${p.name}`;
    const choices = resolve(p.schema).enum;
    const input = choices ? el("select", { id }, el("option", { value: "" }), choices.map((c) => el("option", {}, c)))
      : el("input", { id, placeholder: p.example === undefined ? "" : String(p.example), required: p.required });
    inputs.set(p, input);
    return [el("label", { for: id, class: p.required ? "required" : undefined }, p.name), input];
  });
  const contents = Object.entries((operation.requestBody || { content: {} }).content);
  const json = contents.find(([mime]) => mime === "application/json");
  const upload = contents.find(([mime]) => mime === "multipart/form-data");
  const file = upload ? el("input", { type: "file", "aria-label": "File" }) : null;
  const text = json ? el("textarea", { "aria-label": "Body", spellcheck: "false" }) : null;
  if (text && json[1].example !== undefined) text.value = JSON.stringify(json[1].example, null, 2);
  const result = el("div", { role: "status" });
  const send = async (event) => {
    event.preventDefault();
    let target = path;
    const query = new URLSearchParams(), headers = {};
    for (const [p, input] of inputs) {
      if (!input.value) continue;
      if (p.in === "path") target = target.replace(`{${p.name}}`, encodeURIComponent(input.value));
      else if (p.in === "query") query.set(p.name, input.value);
      else headers[p.name] = input.value;
    }
    if (token) headers.Authorization = `Bearer ${token}`;
    let body;
    if (file && file.files.length) (body = new FormData()).append("file", file.files[0]);
    else if (text && text.value.trim()) (body = text.value), (headers["Content-Type"] = "application/json");
    const address = base.replace(/\/api\/v1$/, "") + target + (query.size ? `?${query}` : "");
    result.replaceChildren(el("p", { class: "quiet" }, "Sending …"));
    try {
      const began = performance.now();
      const answer = await fetch(address, { method: method.toUpperCase(), headers, body, redirect: "manual" });
      const raw = await answer.text();
      let shown = raw;
      try { shown = JSON.parse(raw); } catch { /* not JSON: shown as it is */ }
      const status = answer.type === "opaqueredirect" ? "302" : String(answer.status);
      const facts = [...answer.headers].filter(([name]) => /^(x-throttle|retry-after|etag|location)/.test(name)).map(([n, v]) => `${n}: ${v}`);
      result.replaceChildren(
        el("p", {}, el("span", { class: "status" + (status < 400 ? " ok" : "") }, status), ` in ${Math.round(performance.now() - began)} ms `,
          el("span", { class: "quiet" }, facts.join(" · "))),
        pretty(raw ? shown : "(no body)"), el("h4", {}, "The same with curl"), pretty(curl(method, address, headers, body)));
    } catch (problem) {
      result.replaceChildren(el("p", { class: "status" }, String(problem)));
    }
  };
  return [el("h4", {}, "Try it"), el("form", { onsubmit: send }, el("div", { class: "fields" }, fields), text || file ? el("div", { class: "row" }, file, text) : null,
    el("div", { class: "row" }, el("button", { class: "send" }, "Send")), result)];
}

function curl(method, address, headers, body) {
  const quoted = (text) => `'${text.replace(/'/g, "'\\''")}'`;
  const parts = [`curl -X ${method.toUpperCase()} ${quoted(location.origin + address)}`];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${name === "Authorization" ? "Bearer $TOKEN" : value}`)}`);
  if (body instanceof FormData) parts.push("-F 'file=@keywords.csv'");
  else if (body) parts.push(`-d ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

function card(method, path, operation) {
  const inside = el("div", { class: "inside" });
  const shown = el("details", {
    class: "operation", id: operation.operationId,
    ontoggle: () => {
      if (!shown.open || inside.children.length) return;
      inside.append(...[prose(operation.description), parameterTable(parametersOf(operation)), bodyOf(operation), answersOf(operation),
        tryIt(method, path, operation)].flat(2).filter(Boolean));
    },
  }, el("summary", {}, el("span", { class: `method ${method}` }, method.toUpperCase()), el("span", { class: "path" }, path),
    el("span", { class: "role" }, operation["x-role"] || "public"), el("span", { class: "what" }, operation.summary)), inside);
  return shown;
}

/** Sign-in, which keeps the token in this page only. */
function session() {
  const box = byId("session");
  const email = el("input", { type: "email", placeholder: "owner@demo.test", autocomplete: "username", "aria-label": "E-mail", required: true });
  const password = el("input", { type: "password", placeholder: "password", autocomplete: "current-password", "aria-label": "Password", required: true });
  const state = el("p", { role: "status" }, "Sign in to try routes that need it. The token stays in this page.");
  const signIn = async (event) => {
    event.preventDefault();
    const answer = await fetch(`${base}/auth/login/`, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: email.value, password: password.value }),
    });
    const found = await answer.json();
    token = answer.ok ? found.data.access : "";
    state.textContent = answer.ok ? `Signed in as ${found.data.user.email} (${found.data.user.role}).` : found.error.message;
    password.value = "";
  };
  box.append(state, el("form", { class: "row", onsubmit: signIn }, email, password, el("button", {}, "Sign in")));
}

function show() {
  document.title = `${spec.info.title}: API reference`;
  byId("title").textContent = spec.info.title;
  byId("source").href = `${base}/openapi.json`;
  byId("intro").append(el("h1", {}, spec.info.title), el("p", { class: "quiet" }, spec.info.summary || ""), ...prose(spec.info.description).flat());
  session();
  const all = Object.entries(spec.paths).flatMap(([path, item]) => METHODS.filter((m) => item[m]).map((method) => ({ path, method, operation: item[method] })));
  const entries = [];
  byId("operations").replaceChildren();
  for (const tag of spec.tags) {
    const own = all.filter(({ operation }) => operation.tags.includes(tag.name));
    const head = el("h2", {}, tag.name), links = el("h2", {}, tag.name);
    const about = el("p", { class: "quiet" }, tag.description || "");
    byId("operations").append(head, about);
    byId("nav").append(links);
    const group = { parts: [head, about, links], entries: [] };
    for (const { path, method, operation } of own) {
      const shown = card(method, path, operation);
      const go = () => { shown.open = true; };
      const link = el("a", { href: `#${operation.operationId}`, onclick: go }, el("span", { class: `method ${method}` }, method.toUpperCase()),
        el("span", { class: "path" }, path.replace(/^\/api\/v1\//, "")));
      byId("operations").append(shown);
      byId("nav").append(link);
      const words = [method, path, operation.summary, operation.description, operation["x-role"] || "public", tag.name].join(" ").toLowerCase();
      group.entries.push({ shown, link, words });
    }
    entries.push(group);
  }
  const search = byId("search");
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const group of entries) {
      let any = false;
      for (const { shown, link, words } of group.entries) {
        const fits = wanted.every((word) => words.includes(word));
        shown.hidden = link.hidden = !fits;
        any = any || fits;
        count += fits;
      }
      for (const part of group.parts) part.hidden = !any;
    }
    byId("found").textContent = wanted.length ? `${count} of ${all.length} routes` : `${all.length} routes`;
  };
  search.addEventListener("input", filter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); search.focus(); }
  });
  filter();
  const chosen = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
  if (chosen && chosen.tagName === "DETAILS") { chosen.open = true; chosen.scrollIntoView(); }
}

fetch(`${base}/openapi.json`).then((answer) => answer.ok ? answer.json() : Promise.reject(new Error(`openapi.json answered ${answer.status}`)))
  .then((found) => { spec = found; show(); })
  .catch((problem) => byId("operations").replaceChildren(el("p", { class: "status", role: "alert" }, String(problem))));
