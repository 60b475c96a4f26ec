// An event as the request that it was, and as lines that send it once more. What was a credential of it is not kept:
// TOKEN and APPKEY stand where one goes.
import type { components } from "../api/schema";

export type Event = components["schemas"]["Event"];
export type Form = "curl" | "Python" | "Node" | "HTTP";

export interface Sent {
  method: string;
  url: string;
  headers: [string, string][];
  body: Uint8Array;
  /** The body as text; null: it is none. */
  text: string | null;
}

// What a client says by itself, of the way that a request went.
const OF_THE_WAY = ["host", "connection", "content-length", "transfer-encoding", "accept-encoding", "expect"];

function bytesOf(body: Event["body"]): Uint8Array {
  if (typeof body === "string") return new TextEncoder().encode(body);
  return Uint8Array.from(atob(body.base64), (one) => one.charCodeAt(0));
}

export function parametersOf(event: Event): [string, string][] {
  return Object.entries(event.parameters).flatMap(([name, value]): [string, string][] =>
    (Array.isArray(value) ? value : [value]).map((one) => [name, one]),
  );
}

export const headerOf = (event: Event, wanted: string): string =>
  Object.entries(event.headers).find(([name]) => name.toLowerCase() === wanted)?.[1] ?? "";

/** BASE: the endpoint that it came for. */
export function sentAs(event: Event, base: string): Sent {
  const url = new URL(base);
  if (event.format) url.pathname += `/${event.format}`;
  if (url.searchParams.has("appkey")) url.searchParams.set("appkey", "APPKEY");
  for (const [name, value] of parametersOf(event)) url.searchParams.append(name, value);
  const kept = Object.entries(event.headers).filter(([name]) => !OF_THE_WAY.includes(name.toLowerCase()));
  return {
    method: event.method,
    url: url.href,
    headers: [...kept, ["Authorization", "Bearer TOKEN"]],
    body: bytesOf(event.body),
    text: typeof event.body === "string" ? event.body : null,
  };
}

const shell = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const base64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));

function curl({ method, url, headers, body, text }: Sent): string {
  const typed = headers.some(([name]) => name.toLowerCase() === "content-type");
  const data = text === null ? ["--data-binary @-"] : body.length ? [`--data-raw ${shell(text)}`] : [];
  const parts = [
    `curl ${method === "HEAD" ? "-I" : `-X ${method}`} ${shell(url)}`,
    ...headers.map(([name, value]) => `-H ${shell(value ? `${name}: ${value}` : `${name};`)}`),
    ...(typed || !data.length ? [] : ["-H 'Content-Type:'"]),
    ...data,
  ];
  const piped = text === null ? `echo ${base64(body)} | base64 -d |\n` : "";
  return piped + parts.join(" \\\n  ");
}

function python({ method, url, headers, body, text }: Sent): string {
  const data =
    text === null
      ? `base64.b64decode(${JSON.stringify(base64(body))})`
      : body.length
        ? `${JSON.stringify(text)}.encode()`
        : "None";
  return [
    `import ${text === null ? "base64, " : ""}urllib.request`,
    "",
    "request = urllib.request.Request(",
    `    ${JSON.stringify(url)},`,
    `    ${data},`,
    `    ${JSON.stringify(Object.fromEntries(headers))},`,
    `    method=${JSON.stringify(method)},`,
    ")",
    "print(urllib.request.urlopen(request).status)",
  ].join("\n");
}

function node({ method, url, headers, body, text }: Sent): string {
  const data =
    text === null ? `Buffer.from(${JSON.stringify(base64(body))}, "base64")` : JSON.stringify(text);
  return [
    `const answer = await fetch(${JSON.stringify(url)}, {`,
    `  method: ${JSON.stringify(method)},`,
    `  headers: ${JSON.stringify(Object.fromEntries(headers))},`,
    ...(body.length ? [`  body: ${data},`] : []),
    "});",
    "console.log(answer.status);",
  ].join("\n");
}

function http({ method, url, headers, body, text }: Sent): string {
  const { host, pathname, search } = new URL(url);
  const lines = [
    `${method} ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${body.length}`,
    "",
    text ?? "",
  ];
  return lines.join("\r\n");
}

/** The forms that it can be copied in: bytes that are no text are none of HTTP's. */
export const formsOf = ({ text }: Sent): Form[] =>
  (["curl", "Python", "Node", "HTTP"] as const).filter((form) => form !== "HTTP" || text !== null);

const AS: Record<Form, (sent: Sent) => string> = { curl, Python: python, Node: node, HTTP: http };

export const linesOf = (form: Form, sent: Sent): string => AS[form](sent);

const WIDTH = 16;

/** Bytes as people look at them: where, what, and the signs that they are. */
export function hexOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += WIDTH) {
    const some = [...bytes.subarray(at, at + WIDTH)];
    const hex = some.map((one) => one.toString(16).padStart(2, "0")).join(" ");
    const signs = some.map((one) => (one >= 0x20 && one < 0x7f ? String.fromCharCode(one) : ".")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(3 * WIDTH - 1)}  ${signs}`);
  }
  return lines.join("\n");
}
