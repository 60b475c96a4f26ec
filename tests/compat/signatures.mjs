// Requests as senders sign them, by other implementations than ours: tests/unit/source_vectors.json.
//
//   node signatures.mjs make > ../unit/source_vectors.json    makes them again
//   node signatures.mjs check < ../unit/source_vectors.json   status 1 when a package does not take one
//
// What a package can sign it signs; what it can only verify is signed here by node:crypto and verified by the package. A
// vector of a sender's documentation is what that prints. `npm` names the package; without one there is nothing to run.
import { createHash, createHmac, createPrivateKey, createPublicKey, sign as signBytes } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(import.meta.url);
const AT = 1767323045; // 2026-01-02T03:04:05Z
const BODY = JSON.stringify({ action: "opened", title: "Grüße ✓", number: 7 });
const SECRET = "It's a Secret to Everybody";
const WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const hmac = (kind, secret, text, form) => createHmac(kind, secret).update(text).digest(form);

const octokit = async (v) => {
  const { verify } = await import("@octokit/webhooks-methods");
  const [value] = Object.entries(v.headers).filter(([name]) => /signature/.test(name)).map(([, text]) => text);
  return verify(v.secret, v.signed ?? v.body, value.startsWith("sha256=") ? value : `sha256=${value}`);
};
const octokitSign = async (text, secret = SECRET) => (await import("@octokit/webhooks-methods")).sign(secret, text);

const tern = (platform) => async (v) => {
  const { WebhookVerificationService } = require("@hookflo/tern");
  const request = new Request("https://hooks.example.org/x", { method: "POST", headers: v.headers, body: v.body });
  const result = await WebhookVerificationService.verify(request, { platform, secret: v.secret, toleranceInSeconds: 300 });
  return result.isValid;
};

const standard = (name, prefix) => async (v) => {
  const { Webhook } = await import(name);
  const [id, ts, text] = ["id", "timestamp", "signature"].map((word) => v.headers[`${prefix}-${word}`]);
  return new Webhook(v.secret).sign(id, new Date(ts * 1000), v.body) === text.split(" ")[0];
};
const standardMake = (name, prefix) => async () => {
  const { Webhook } = await import(name);
  const text = new Webhook(WHSEC).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", new Date(AT * 1000), BODY);
  return { secret: WHSEC, headers: { [`${prefix}-id`]: "msg_p5jXN8AQM9LWM0D4loKWxJek", [`${prefix}-timestamp`]: `${AT}`, [`${prefix}-signature`]: text } };
};

// A key pair of this file alone: the vectors say so.
const ED25519_SEED = createHash("sha256").update("postern test key").digest();
const ed25519 = createPrivateKey({ key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), ED25519_SEED]), format: "der", type: "pkcs8" });
const ed25519Public = createPublicKey(ed25519).export({ format: "der", type: "spki" }).subarray(-32).toString("hex");

const bolt = (prefix) => async (v) => {
  const { verifySlackRequest } = require("@slack/bolt/dist/receivers/verify-request.js");
  const headers = { "x-slack-signature": v.headers[`${prefix}-signature`], "x-slack-request-timestamp": Number(v.headers[`${prefix}-request-timestamp`]) };
  verifySlackRequest({ signingSecret: v.secret, body: v.body, headers, nowMilliseconds: v.at * 1000 });
  return true;
};
const v0 = (prefix) => async () => ({
  headers: { [`${prefix}-request-timestamp`]: `${AT}`, [`${prefix}-signature`]: `v0=${hmac("sha256", SECRET, `v0:${AT}:${BODY}`, "hex")}` },
});

const twilioUrl = "https://mycompany.example/myapp.php?foo=1&bar=2";
const twilioForm = { CallSid: "CA1234567890ABCDE", Caller: "+12349013030", Digits: "1234", From: "+12349013030", To: "+18005551212" };
const twilio = (form) => async (v) => require("twilio").validateRequest(v.secret, v.headers["x-twilio-signature"], v.url, form);

const tests = [
  { preset: "github", npm: "@octokit/webhooks-methods", make: async () => ({ headers: { "x-hub-signature-256": await octokitSign(BODY) } }), check: octokit },
  { preset: "github", origin: "GitHub's documentation", given: { secret: SECRET, headers: { "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" }, body: "Hello, World!" } },
  { preset: "gitlab", origin: "the header is the secret", given: { secret: SECRET, headers: { "x-gitlab-token": SECRET }, body: BODY } },
  { preset: "gitlab-signed", npm: "standardwebhooks", make: standardMake("standardwebhooks", "webhook"), check: standard("standardwebhooks", "webhook") },
  ...["gitea", "forgejo", "dropbox", "nylas"].map((name) => ({
    preset: name, npm: "@octokit/webhooks-methods", make: async () => ({ headers: { [`x-${name}-signature`]: (await octokitSign(BODY)).slice(7) } }), check: octokit })),
  { preset: "asana", npm: "@octokit/webhooks-methods", make: async () => ({ headers: { "x-hook-signature": (await octokitSign(BODY)).slice(7) } }), check: octokit },
  { preset: "meta", npm: "@octokit/webhooks-methods", make: async () => ({ headers: { "x-hub-signature-256": await octokitSign(BODY) } }), check: octokit },
  { preset: "websub", npm: "@octokit/webhooks-methods", make: async () => ({ headers: { "x-hub-signature": await octokitSign(BODY) } }), check: octokit },
  ...["jira", "bitbucket"].map((preset) => ({
    preset, origin: "Atlassian's documentation", given: { secret: SECRET, headers: { "x-hub-signature": "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9" }, body: "Hello World!" } })),
  { preset: "trello", npm: "twilio", make: async () => ({ url: "https://hooks.example.org/trello", headers: { "x-trello-webhook": require("twilio").getExpectedTwilioSignature(SECRET, BODY, { "https://hooks.example.org/trello": "" }) } }),
    check: async (v) => require("twilio").getExpectedTwilioSignature(v.secret, v.body, { [v.url]: "" }) === v.headers["x-trello-webhook"] },
  { preset: "grafana", npm: "@octokit/webhooks-methods", make: async () => ({ headers: { "x-grafana-alerting-signature": (await octokitSign(BODY)).slice(7) } }), check: octokit },
  { preset: "grafana-timed", npm: "@octokit/webhooks-methods", make: async () => ({ headers: { "x-grafana-alerting-signature": (await octokitSign(`${AT}:${BODY}`)).slice(7), "x-grafana-alerting-timestamp": `${AT}` }, signed: `${AT}:${BODY}` }), check: octokit },
  { preset: "sentry", npm: "@hookflo/tern", make: async () => ({ headers: { "sentry-hook-signature": hmac("sha256", SECRET, BODY, "hex"), "sentry-hook-timestamp": `${AT}`, "request-id": "1" } }), check: tern("sentry") },
  { preset: "shopify", npm: "@hookflo/tern", make: async () => ({ headers: { "x-shopify-hmac-sha256": hmac("sha256", SECRET, BODY, "base64") } }), check: tern("shopify") },
  { preset: "woocommerce", npm: "@hookflo/tern", make: async () => ({ headers: { "x-wc-webhook-signature": hmac("sha256", SECRET, BODY, "base64") } }), check: tern("woocommerce") },
  { preset: "paddle", npm: "@hookflo/tern", make: async () => ({ headers: { "paddle-signature": `ts=${AT};h1=${hmac("sha256", SECRET, `${AT}:${BODY}`, "hex")}` } }), check: tern("paddle") },
  { preset: "workos", npm: "@hookflo/tern", make: async () => ({ headers: { "workos-signature": `t=${AT}000, v1=${hmac("sha256", SECRET, `${AT}000.${BODY}`, "hex")}` } }), check: tern("workos") },
  { preset: "pagerduty", origin: "the test of PagerDuty's Go library (webhookv3)", given: {
      secret: "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK",
      headers: { "x-pagerduty-signature": "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd" },
      body: '{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated","resource_type":"incident","occurred_at":"2021-04-26T17:36:27.458Z","agent":{"html_url":"https://acme.pagerduty.com/users/PLH1HKV","id":"PLH1HKV","self":"https://api.pagerduty.com/users/PLH1HKV","summary":"Tenex Engineer","type":"user_reference"},"client":null,"data":{"id":"PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2","html_url":"https://acme.pagerduty.com/incidents/PGR0VU2","number":2,"status":"triggered","title":"A little bump in the road","service":{"html_url":"https://acme.pagerduty.com/services/PF9KMXH","id":"PF9KMXH","self":"https://api.pagerduty.com/services/PF9KMXH","summary":"API Service","type":"service_reference"},"assignees":[{"html_url":"https://acme.pagerduty.com/users/PTUXL6G","id":"PTUXL6G","self":"https://api.pagerduty.com/users/PTUXL6G","summary":"User 123","type":"user_reference"}],"escalation_policy":{"html_url":"https://acme.pagerduty.com/escalation_policies/PUS0KTE","id":"PUS0KTE","self":"https://api.pagerduty.com/escalation_policies/PUS0KTE","summary":"Default","type":"escalation_policy_reference"},"teams":[{"html_url":"https://acme.pagerduty.com/teams/PFCVPS0","id":"PFCVPS0","self":"https://api.pagerduty.com/teams/PFCVPS0","summary":"Engineering","type":"team_reference"}],"priority":{"html_url":"https://acme.pagerduty.com/account/incident_priorities","id":"PSO75BM","self":"https://api.pagerduty.com/priorities/PSO75BM","summary":"P1","type":"priority_reference"},"urgency":"high","conference_bridge":{"conference_number":1000,"conference_url":"https://example.com"},"resolve_reason":null}}}' } },
  { preset: "circleci", origin: "CircleCI's documentation", given: { secret: "another-secret", headers: { "circleci-signature": "v1=daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00" }, body: "lalala" } },
  { preset: "linear", npm: "@linear/sdk", make: async () => { const body = JSON.stringify({ type: "Issue", webhookTimestamp: AT * 1000 - 1234 }); return { body, headers: { "linear-signature": hmac("sha256", SECRET, body, "hex") } }; },
    check: async (v) => { const { LinearWebhookClient } = await import("@linear/sdk/webhooks"); return new LinearWebhookClient(v.secret).verify(Buffer.from(v.body), v.headers["linear-signature"], JSON.parse(v.body).webhookTimestamp); } },
  { preset: "stripe", npm: "stripe", make: async () => ({ headers: { "stripe-signature": require("stripe")("sk_test").webhooks.generateTestHeaderString({ payload: BODY, secret: WHSEC, timestamp: AT }) }, secret: WHSEC }),
    check: async (v) => !!require("stripe")("sk_test").webhooks.constructEvent(v.body, v.headers["stripe-signature"], v.secret, 300, undefined, v.at * 1000) },
  // The page of event connectors shows body and time in the other order; this is what the page of webhooks says.
  { preset: "zendesk", origin: "the test of another verifier (in Rust), with the secret of Zendesk's documentation", at: 1616648967, given: { secret: "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", headers: { "x-zendesk-webhook-signature": "S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM=", "x-zendesk-webhook-signature-timestamp": "2021-03-25T05:09:27Z" }, body: '{"event":"ticket.updated","id":123}' } },
  { preset: "standard-webhooks", npm: "standardwebhooks", make: standardMake("standardwebhooks", "webhook"), check: standard("standardwebhooks", "webhook") },
  { preset: "svix", npm: "svix", make: standardMake("svix", "svix"), check: standard("svix", "svix") },
  { preset: "slack", npm: "@slack/bolt", make: v0("x-slack"), check: bolt("x-slack") },
  { preset: "slack", origin: "Slack's documentation", at: 1531420618, given: { secret: "8f742231b10e8888abcd99yyyzzz85a5", headers: { "x-slack-request-timestamp": "1531420618", "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503" },
      body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c" } },
  { preset: "zoom", npm: "@slack/bolt", make: v0("x-zm"), check: bolt("x-zm") },
  { preset: "twilio", npm: "twilio", make: async () => ({ secret: "12345", url: twilioUrl, body: new URLSearchParams(twilioForm).toString(), headers: { "content-type": "application/x-www-form-urlencoded", "x-twilio-signature": require("twilio").getExpectedTwilioSignature("12345", twilioUrl, twilioForm) } }), check: twilio(twilioForm) },
  { preset: "twilio", npm: "twilio", make: async () => { const body = '{"property": "value", "boolean": true}'; const url = `https://hooks.example.org/x?bodySHA256=${require("twilio").getExpectedBodyHash(body)}`;
      return { secret: "12345", url, body, headers: { "content-type": "application/json", "x-twilio-signature": require("twilio").getExpectedTwilioSignature("12345", url.replace("example.org", "example.org:443"), {}) } }; },
    check: async (v) => require("twilio").validateRequestWithBody(v.secret, v.headers["x-twilio-signature"], v.url, v.body) },
  { preset: "square", npm: "square", make: async () => ({ url: "https://hooks.example.org/square", headers: { "x-square-hmacsha256-signature": hmac("sha256", SECRET, `https://hooks.example.org/square${BODY}`, "base64") } }),
    check: async (v) => require("square").WebhooksHelper.verifySignature({ requestBody: v.body, signatureHeader: v.headers["x-square-hmacsha256-signature"], signatureKey: v.secret, notificationUrl: v.url }) },
  { preset: "hubspot", npm: "@hubspot/api-client", make: async () => ({ url: "https://hooks.example.org/hubspot", headers: { "x-hubspot-signature-v3": hmac("sha256", SECRET, `POSThttps://hooks.example.org/hubspot${BODY}${AT}000`, "base64"), "x-hubspot-request-timestamp": `${AT}000` } }),
    check: async (v) => require("@hubspot/api-client").Signature.isValid({ method: v.method, signatureVersion: "v3", signature: v.headers["x-hubspot-signature-v3"], clientSecret: v.secret, requestBody: v.body, url: v.url, timestamp: Number(v.headers["x-hubspot-request-timestamp"]) }) },
  { preset: "sendgrid", npm: "@sendgrid/eventwebhook", given: {
      secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
      headers: { "x-twilio-email-event-webhook-signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=", "x-twilio-email-event-webhook-timestamp": "1600112502" },
      body: '[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n' },
    check: async (v) => { const { EventWebhook } = require("@sendgrid/eventwebhook"); const hook = new EventWebhook(); return hook.verifySignature(hook.convertPublicKeyToECDSA(v.secret), v.body, v.headers["x-twilio-email-event-webhook-signature"], v.headers["x-twilio-email-event-webhook-timestamp"]); } },
  { preset: "discord", npm: "discord-interactions", make: async () => ({ secret: ed25519Public, body: '{"type":1}', headers: { "x-signature-ed25519": signBytes(null, Buffer.from(`${AT}{"type":1}`), ed25519).toString("hex"), "x-signature-timestamp": `${AT}` } }),
    check: async (v) => require("discord-interactions").verifyKey(v.body, v.headers["x-signature-ed25519"], v.headers["x-signature-timestamp"], v.secret) },
  { preset: "x", npm: "twitter-autohook", make: async () => ({ headers: { "x-twitter-webhooks-signature": `sha256=${hmac("sha256", SECRET, BODY, "base64")}` } }),
    check: async (v) => require("twitter-autohook").validateSignature(v.headers, { consumer_secret: v.secret }, v.body) },
  { preset: "notion", npm: "@notionhq/client", make: async () => ({ headers: { "x-notion-signature": await require("@notionhq/client").signWebhookPayload({ body: BODY, verificationToken: SECRET }) } }),
    check: async (v) => require("@notionhq/client").verifyWebhookSignature({ body: v.body, signature: v.headers["x-notion-signature"], verificationToken: v.secret }) },
  { preset: "microsoft-graph", origin: "the field is the secret", given: { secret: SECRET, headers: {}, body: JSON.stringify({ value: [{ clientState: SECRET }, { clientState: SECRET }] }) } },
  { preset: "telegram", origin: "the header is the secret", given: { secret: SECRET, headers: { "x-telegram-bot-api-secret-token": SECRET }, body: BODY } },
];

const present = (name) => { try { require.resolve(`${name}/package.json`); return true; } catch (error) { return error.code !== "MODULE_NOT_FOUND"; } };
const clock = (at) => { Date.now = () => at * 1000; };

async function make() {
  const vectors = [];
  for (const { preset, npm, origin, at, given, make } of tests) {
    const made = given ?? (await make());
    vectors.push({ preset, origin: origin ?? `npm ${npm}`, at: at ?? AT, method: "POST", url: "", secret: SECRET, body: BODY, ...made });
  }
  process.stdout.write(`${JSON.stringify(vectors, null, 1)}\n`);
}

async function check() {
  const vectors = JSON.parse(readFileSync(0, "utf8"));
  let failed = vectors.length !== tests.length;
  for (const [i, { preset, npm, check }] of tests.entries()) {
    if (!check || !present(npm)) {
      console.log(`${preset}: ${npm ? `not run, ${npm} is not installed` : "nothing to run"}`);
      continue;
    }
    clock(vectors[i].at);
    let good = false;
    try { good = await check(vectors[i]); } catch (error) { console.log(error.message); }
    console.log(`${preset}: ${good ? "taken by" : "REFUSED by"} ${npm}`);
    failed ||= !good;
  }
  process.exitCode = failed ? 1 : 0;
}

await (process.argv[2] === "make" ? make() : check());
