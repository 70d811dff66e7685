import type { Failure, LiveActivitySession } from "./live-activity";

const url = "https://api.example.com/api/v1/notifications/live-activity-sessions";

export async function register(session: LiveActivitySession, accessToken: string): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Bearer ${accessToken}`, "Content-Type": "application/json" },
    body: JSON.stringify(session),
  });
  // 409: the stream is over, and the end push is on its way.
  if (response.ok || response.status === 409) return;
  const failure = (await response.json()) as Failure;
  throw new Error(failure.errors.join(" "));
}
