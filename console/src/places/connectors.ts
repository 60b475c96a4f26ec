// The endpoints of a channel, a bot or an extension, by the names that the pages give them.
import { api, bodyOf } from "../api/client";
import type { Place, Spot } from "./places";

export interface Connector {
  name: "message" | "incoming" | "sandbox" | "marketplace";
  url: string;
}

/** Without a token; an extension's URLs have keys, which are told to its owner alone. */
export function connectorsOf({ endpoints, urls }: Pick<Place, "endpoints" | "urls">): Connector[] {
  if (endpoints)
    return [
      { name: "message", url: endpoints.message },
      { name: "incoming", url: endpoints.incoming },
    ];
  const apps = (urls ?? {}) as Record<string, string | null>;
  return (["sandbox", "marketplace"] as const).flatMap((name) =>
    apps[name] ? [{ name, url: withoutToken(apps[name]) }] : [],
  );
}

function withoutToken(text: string): string {
  const url = new URL(text);
  url.searchParams.delete("zapikey");
  return url.href;
}

/** Posts TEXT to what the endpoint NAME is of, as who is signed in; what a handler answered, if it did. */
export async function sendTest(
  { kind, id }: Omit<Spot, "view">,
  name: Connector["name"],
  text: string,
  key: string,
): Promise<string> {
  const path = { target: id };
  const header = { "Idempotency-Key": key };
  const body = { text };
  const parseAs = "text" as const; // a handler may answer anything
  const params = { path, header };
  let answer: unknown;
  if (name === "message" && kind === "bots")
    await bodyOf(api.POST("/bots/{target}/messages", { params, body }));
  else if (name === "message") await bodyOf(api.POST("/channels/{target}/messages", { params, body }));
  else if (kind === "channels")
    await bodyOf(api.POST("/channels/{target}/events", { params, body, parseAs }));
  else if (kind === "bots")
    answer = await bodyOf(api.POST("/bots/{target}/events", { params, body, parseAs }));
  else {
    const query = { environment: name as "sandbox" | "marketplace" };
    const of = { path, header, query };
    answer = await bodyOf(api.POST("/extensions/{target}/events", { params: of, body, parseAs }));
  }
  return typeof answer === "string" && answer !== "{}" ? answer : "";
}
