// What there is of a channel, a bot and an extension, by its part of the address.
import type { Load } from "../routes";

export const VIEWS: Record<string, Load> = {
  "": () => import("../messages/MessagesView.svelte"),
  members: () => import("./PeopleView.svelte"),
  subscribers: () => import("./PeopleView.svelte"),
  connectors: () => import("./ConnectorsView.svelte"),
  deliveries: () => import("../deliveries/DeliveriesView.svelte"),
  handler: () => import("../deliveries/HandlerView.svelte"),
  sources: () => import("../sources/SourcesView.svelte"),
  outlets: () => import("../outlets/OutletsView.svelte"),
  senders: () => import("../senders/SendersView.svelte"),
  profile: () => import("./ProfileView.svelte"),
};

export const OF = {
  channels: ["", "members", "connectors", "senders", "sources", "outlets", "profile"],
  bots: ["", "subscribers", "connectors", "handler", "deliveries", "senders", "sources", "profile"],
  extensions: ["", "connectors", "handler", "deliveries", "senders", "sources", "profile"],
};
