// A sender and reader of the public API, as typed_admin.ts. Reads the URL, a webhook token, a channel and a
// bot from stdin, a line each.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { stdin: AsyncIterable<Uint8Array> };
type Schemas = components["schemas"];

const parts: Uint8Array[] = [];
for await (const part of process.stdin) parts.push(part);
const [baseUrl = "", token = "", channel = "", bot = ""] = parts.map((part) => new TextDecoder().decode(part)).join("").split("\n");
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

const slides: Schemas["Slide"][] = [{ type: "list", data: ["one", "two"] }];
await api.POST("/channelsbyname/{target}/message", { params: { path: { target: channel } }, body: { text: "typed", slides } });
const wrong = await api.POST("/channelsbyname/{target}/message", {
  params: { path: { target: channel } },
  body: { text: "x", buttons: [{ label: "x".repeat(50) }] },
});
await api.POST("/bots/{target}/incoming", {
  params: { path: { target: bot } },
  body: JSON.stringify({ hello: 1 }) as never,
  bodySerializer: (body) => body as unknown as string,
});
const read = await api.GET("/channelsbyname/{target}/messages", { params: { path: { target: channel } } });
const events = await api.GET("/bots/{target}/messages", { params: { path: { target: bot } } });
const first = read.data?.messages[0]?.message?.slides?.[0];
const event = events.data?.messages[0]?.event;
console.log(
  JSON.stringify({
    list: first?.type === "list" ? first.data : null,
    field: wrong.error?.code === "invalid_message" ? (wrong.error.details?.field ?? null) : null,
    method: event?.method ?? null,
    body: event === undefined || typeof event.body === "string" ? (event?.body ?? null) : event.body.base64,
  }),
);
