import ActivityKit
import Foundation

struct LiveActivitySession: Encodable {
    let streamId: String
    let deviceId: String
    let liveActivityToken: String
    let activityId: String
}

struct Failure: Decodable, Error {
    let statusCode: Int
    let errors: [String]
}

/// Registers each push token that iOS gives for an activity, the first one and those that follow.
func register<Attributes: ActivityAttributes>(
    _ activity: Activity<Attributes>, of streamId: String, on deviceId: String, accessToken: String
) async {
    for await token in activity.pushTokenUpdates {
        let session = LiveActivitySession(
            streamId: streamId,
            deviceId: deviceId,
            liveActivityToken: token.map { String(format: "%02x", $0) }.joined(),
            activityId: activity.id
        )
        // A failure must not end the loop: another token may follow.
        for attempt in 1...5 {
            do {
                try await register(session, accessToken: accessToken)
                break
            } catch {
                try? await Task.sleep(for: .seconds(attempt * attempt))
            }
        }
    }
}

func register(_ session: LiveActivitySession, accessToken: String) async throws {
    let url = "https://api.example.com/api/v1/notifications/live-activity-sessions"
    var request = URLRequest(url: URL(string: url)!)
    request.httpMethod = "POST"
    request.setValue("Bearer \(accessToken)", forHTTPHeaderField: "Authorization")
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.httpBody = try JSONEncoder().encode(session)

    let (data, response) = try await URLSession.shared.data(for: request)
    let status = (response as? HTTPURLResponse)?.statusCode ?? 0
    switch status {
    case 200: return
    case 409: return  // The stream is over: the end push is on its way.
    default:
        let failure = try? JSONDecoder().decode(Failure.self, from: data)
        throw failure ?? Failure(statusCode: status, errors: [])
    }
}
