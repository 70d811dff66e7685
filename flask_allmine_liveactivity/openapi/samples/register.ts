import type { Conflict, Failure, LiveActivitySession } from "./live-activity";

const url = "https://api.example.com/api/v1/notifications/live-activity-sessions";

// The activity is kept, and its end push is on its way: there is nothing to repeat.
const streamHasEnded: Conflict["errors"][1] =
  "The stream has ended: this activity is kept, and will be ended.";

export async function register(session: LiveActivitySession, accessToken: string): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" },
    body: JSON.stringify(session),
  });
  if (response.ok) return;
  const failure = (await response.json()) as Failure;
  if (response.status === 409 && failure.errors[1] === streamHasEnded) return;
  throw new Error(failure.errors.join(" "));
}
