// Verifies one delivery by the npm package standardwebhooks: status 0 when it takes it, 1 when not.
import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const given = JSON.parse(readFileSync(0, "utf8"));
try {
  new Webhook(given.secret).verify(given.body, {
    "webhook-id": given.id,
    "webhook-timestamp": given.timestamp,
    "webhook-signature": given.signature,
  });
} catch (error) {
  // It parses the body as JSON once the signature is right: an empty one fails there.
  if (error instanceof WebhookVerificationError) process.exit(1);
  if (!(error instanceof SyntaxError)) throw error;
}
