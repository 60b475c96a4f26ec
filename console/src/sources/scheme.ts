// Checks a signature as Postern does, in the browser alone: the secret leaves nothing.
import { now } from "../api/clock";

/** As SECURITY.md has the fields of a scheme; one that is not there has its default. */
export interface Scheme {
  alg: string;
  header: string;
  separator?: string;
  item?: string;
  encoding?: string;
  key?: string;
  signed?: string;
  id?: string;
  ts?: string;
  ts_form?: string;
  tolerance?: string;
}

export interface Request {
  headers: Map<string, string>;
  body: string;
  url: string;
  method: string;
}

export type Reason =
  "good" | "missing" | "malformed" | "no_id" | "no_time" | "key" | "mismatch" | "old" | "ahead";
export type Hint = "line_end" | "no_line_end" | "crlf" | "secret_blank" | "secret_form";
export interface Verdict {
  reason: Reason;
  seconds?: number;
  hint?: Hint;
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text.replace(/\s/g, ""));
  return Uint8Array.from(raw, (one) => one.charCodeAt(0));
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^([0-9a-f]{2})+$/i.test(text)) throw new Error("no hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** "name: value" a line; the first line of a request and what is no header are passed over. */
export function headersOf(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at > 0 && !/\s/.test(line.slice(0, at)))
      found.set(line.slice(0, at).toLowerCase(), line.slice(at + 1).trim());
  }
  return found;
}

/** The fields of a JSON text at "a.b" or "a[].b". */
function fieldsAt(body: string, path: string): string[] {
  let at: unknown[];
  try {
    at = [JSON.parse(body)];
  } catch {
    return [];
  }
  for (const step of path.split(".")) {
    const name = step.replace(/\[\]$/, "");
    at = at.flatMap((one) =>
      typeof one === "object" && one !== null && name in one ? [(one as Record<string, unknown>)[name]] : [],
    );
    if (step.endsWith("[]")) at = at.flat();
  }
  return at.filter((one) => typeof one === "string" || typeof one === "number").map(String);
}

function itemsOf(scheme: Scheme, value: string): string[] {
  return scheme.separator ? value.split(scheme.separator).map((one) => one.trim()) : [value.trim()];
}

function timeOf(scheme: Scheme, request: Request, items: string[]): string | undefined {
  const [where = "", what = ""] = (scheme.ts ?? "").split(/ (.*)/);
  if (where === "header") return request.headers.get(what);
  if (where === "item") return items.find((one) => one.startsWith(what))?.slice(what.length);
  return where === "body" ? fieldsAt(request.body, what)[0] : undefined;
}

/** Twilio's: the fields of a form in their order, without anything between. */
const formOf = (body: string): string =>
  [...new URLSearchParams(body)]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .flat()
    .join("");

function signedOf(scheme: Scheme, request: Request, ts: string): string {
  const parts: Record<string, string> = {
    body: request.body,
    ts,
    id: request.headers.get(scheme.id ?? "") ?? "",
    url: request.url,
    method: request.method,
    form: formOf(request.body),
  };
  return (scheme.signed ?? "{body}").replace(/\{(\w+)\}/g, (whole, name: string) => parts[name] ?? whole);
}

function keyOf(form: string, secret: string): Uint8Array<ArrayBuffer> {
  if (form === "hex") return fromHex(secret);
  if (form === "base64") return fromBase64(secret);
  if (form === "whsec") return fromBase64(secret.replace(/^whsec_/, ""));
  return bytes(secret);
}

/** An ECDSA signature in DER as WebCrypto takes it: r and s, of 32 bytes each. */
function rawOf(der: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const raw = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const len = der[at + 1] ?? 0;
    const number = der.slice(at + 2, at + 2 + len);
    const short = number.slice(Math.max(0, len - 32));
    raw.set(short, end - short.length);
    at += 2 + len;
  }
  return raw;
}

const HASHES: Record<string, string> = {
  "hmac-sha1": "SHA-1",
  "hmac-sha256": "SHA-256",
  "hmac-sha512": "SHA-512",
};
const FORMS: Record<string, string> = { ed25519: "hex", "ecdsa-p256": "base64" };

async function fits(scheme: Scheme, secret: string, form: string, signed: string, given: string[]) {
  const read = scheme.encoding === "base64" ? fromBase64 : fromHex;
  const signatures = given.flatMap((one) => {
    try {
      return [read(one)];
    } catch {
      return [];
    }
  });
  const key = keyOf(form, secret);
  const hash = HASHES[scheme.alg];
  const { subtle } = crypto;
  if (hash) {
    const hmac = { name: "HMAC", hash };
    const imported = await subtle.importKey("raw", key, hmac, false, ["verify"]);
    for (const one of signatures) if (await subtle.verify("HMAC", imported, one, bytes(signed))) return true;
    return false;
  }
  const ec = scheme.alg === "ecdsa-p256";
  const algorithm = ec ? { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } : { name: "Ed25519" };
  const imported = await subtle.importKey(ec ? "spki" : "raw", key, algorithm, false, ["verify"]);
  for (const one of signatures)
    if (await subtle.verify(algorithm, imported, ec ? rawOf(one) : one, bytes(signed))) return true;
  return false;
}

function judgeTime(scheme: Scheme, ts: string): Verdict {
  const tolerance = Number(scheme.tolerance ?? 300);
  const form = scheme.ts_form ?? "s";
  const ms = form === "rfc3339" ? Date.parse(ts) : Number(ts) * (form === "ms" ? 1 : 1000);
  const seconds = Math.round((now() - ms) / 1000);
  // A time that is not signed is not looked at.
  if (!scheme.ts || tolerance === 0 || !(scheme.signed ?? "").includes("{ts}")) return { reason: "good" };
  if (Math.abs(seconds) <= tolerance) return { reason: "good" };
  return { reason: seconds > 0 ? "old" : "ahead", seconds: Math.abs(seconds) };
}

/** What is often wrong: a line end of the body, blanks around the secret, the form of the secret. */
async function hintOf(scheme: Scheme, request: Request, secret: string, ts: string, given: string[]) {
  const form = scheme.key ?? FORMS[scheme.alg] ?? "utf8";
  const tries: [Hint, string, string, string][] = [
    ["no_line_end", request.body.replace(/\r?\n$/, ""), secret, form],
    ["line_end", request.body + "\n", secret, form],
    ["crlf", request.body.replace(/\r?\n/g, "\r\n"), secret, form],
    ["secret_blank", request.body, secret.trim(), form],
    ["secret_form", request.body, secret, form === "utf8" ? "whsec" : "utf8"],
  ];
  for (const [hint, body, key, as] of tries)
    try {
      if (await fits(scheme, key, as, signedOf(scheme, { ...request, body }, ts), given)) return hint;
    } catch {
      // no key of this form
    }
  return undefined;
}

export async function check(scheme: Scheme, request: Request, secret: string): Promise<Verdict> {
  const [where, path = ""] = scheme.header.split(/ (.*)/);
  if (scheme.alg === "equal") {
    const found = where === "body" ? fieldsAt(request.body, path) : [request.headers.get(scheme.header)];
    if (!found.length || found.some((one) => one === undefined)) return { reason: "missing" };
    return found.every((one) => one === secret)
      ? { reason: "good" }
      : { reason: "mismatch", ...(found.every((one) => one === secret.trim()) && { hint: "secret_blank" }) };
  }
  const value = request.headers.get(scheme.header);
  if (value === undefined) return { reason: "missing" };
  const items = itemsOf(scheme, value);
  const begins = scheme.item ?? "";
  const given = items.filter((one) => one.startsWith(begins)).map((one) => one.slice(begins.length));
  if (!given.length) return { reason: "malformed" };
  const signed = scheme.signed ?? "{body}";
  const ts = timeOf(scheme, request, items);
  if (signed.includes("{ts}") && ts === undefined) return { reason: "no_time" };
  if (signed.includes("{id}") && !request.headers.has(scheme.id ?? "")) return { reason: "no_id" };
  const form = scheme.key ?? FORMS[scheme.alg] ?? "utf8";
  try {
    if (await fits(scheme, secret, form, signedOf(scheme, request, ts ?? ""), given))
      return judgeTime(scheme, ts ?? "");
  } catch {
    return { reason: "key" };
  }
  const hint = await hintOf(scheme, request, secret, ts ?? "", given);
  return { reason: "mismatch", ...(hint && { hint }) };
}
