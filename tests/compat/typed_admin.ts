// A client of the admin API, as a page would be: each answer is used by its type alone. Reads the URL and a
// management token from stdin, a line each, and prints what it was told as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { stdin: AsyncIterable<Uint8Array> };
type Schemas = components["schemas"];

const parts: Uint8Array[] = [];
for await (const part of process.stdin) parts.push(part);
const [baseUrl = "", token = ""] = parts.map((part) => new TextDecoder().decode(part)).join("").split("\n");
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

function got<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

/** What a form does with an error: which field to mark, and why. */
function refusal(error: Schemas["Error"] | undefined): string {
  const { field = "", reason, limit, successor } = error?.details ?? {};
  switch (reason) {
    case "taken":
      return `${field}: taken`;
    case "replaced":
      return `replaced by ${successor ?? "?"}`;
    case "full":
      return `at most ${limit ?? 0}`;
    default:
      return `${error?.code ?? "none"} ${field}`;
  }
}

/** A slide's data has the type that its type says. */
function lines(slide: Schemas["Slide"]): string[] {
  switch (slide.type) {
    case "table":
      return slide.data.headers ?? [];
    case "list":
      return slide.data;
    case "text":
      return [slide.data];
    case "percentage_chart":
      return slide.data.map((value) => `${value.label ?? ""} ${value.value ?? ""}`);
    default:
      return [];
  }
}

const message: Schemas["MessageObject"] = {
  text: "Released",
  slides: [{ type: "table", data: { headers: ["what"], rows: [{ what: "0.2" }] } }],
  buttons: [{ label: "Open", type: "+", action: { type: "open.url", data: { web: "https://example.org" } } }],
};

const me = got(await api.GET("/me"));
const mayList: "own" | "among" | "managed" | "below" | "any" | undefined = me.rights["user_list"];
const name = `typed_${Date.now()}`;
const channel = got(await api.POST("/channels", { body: { name, owner: me.id } }));
const twice = await api.POST("/channels", { body: { name, owner: me.id } });
const edited = got(
  await api.PUT("/channels/{target}", {
    params: { path: { target: channel.id }, header: { "If-Match": `"${channel.etag}"` } },
    body: { display_name: "Typed" },
  }),
);
const made = got(await api.POST("/users/{target}/tokens", { params: { path: { target: "me" } }, body: { name: "typed", channels: [name] } }));
const use = got(await api.GET("/tokens/{target}/use", { params: { path: { target: made.id } } }));
const people = got(await api.GET("/people", { params: { query: { q: me.email?.slice(0, 8) ?? me.name, limit: 5 } } }));
const audit = got(await api.GET("/audit", { params: { query: { order: "desc", limit: 3, object: channel.id } } }));
const session = got(await api.GET("/session"));
const about = got(await api.GET("/about"));

console.log(
  JSON.stringify({
    role: me.role,
    mayList,
    tokens: me.limits.tokens,
    endpoint: channel.endpoints.incoming,
    refused: refusal(twice.error),
    shown: edited.display_name,
    scope: made.scope?.channels ?? [],
    hours: use.hours.length,
    people: people.people.map((person) => person.email),
    was: audit.rows[0]?.changes?.was ?? null,
    session: session.session === null ? null : session.session.user.id,
    version: about.version,
    lines: (message.slides ?? []).flatMap(lines),
  }),
);
