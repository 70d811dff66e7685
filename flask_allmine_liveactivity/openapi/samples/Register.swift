import ActivityKit
import Foundation

struct LiveActivitySession: Encodable {
    let streamId: String
    let deviceId: String
    let liveActivityToken: String
    let activityId: String
    /// "production" or "sandbox", where the app knows of which the token is; else left out.
    var environment: String? = nil
}

struct Failure: Decodable, Error {
    let statusCode: Int
    let errors: [String]

    /// The activity is kept, and its end push is on its way: a success, as far as the app goes.
    var isStreamEnded: Bool {
        statusCode == 409
            && errors.dropFirst().first
                == "The stream has ended: this activity is kept, and will be ended."
    }

    /// Whether the same call may be answered otherwise later. 0: there was no answer of ours.
    var isPassing: Bool { statusCode == 0 || statusCode == 429 || statusCode >= 500 }
}

/// Gives the user's access token; where it is told so, a fresh one, that was asked for just now.
typealias AccessToken = @Sendable (_ fresh: Bool) async throws -> String

/// Registers each push token that iOS gives for an activity, the first one and those that follow.
func register<Attributes: ActivityAttributes>(
    _ activity: Activity<Attributes>, of streamId: String, on deviceId: String,
    accessToken: @escaping AccessToken
) async {
    var registering: Task<Void, Never>?
    for await token in activity.pushTokenUpdates {
        let session = LiveActivitySession(
            streamId: streamId,
            deviceId: deviceId,
            liveActivityToken: token.map { String(format: "%02x", $0) }.joined(),
            activityId: activity.id
        )
        // A newer token waits for no older one, and is overtaken by none.
        registering?.cancel()
        await registering?.value
        registering = Task { await keepRegistering(session, accessToken: accessToken) }
    }
    await registering?.value
}

/// Tries until it is registered, refused for good, or the task is cancelled: a token has followed.
func keepRegistering(_ session: LiveActivitySession, accessToken: AccessToken) async {
    var attempt = 0
    var fresh = false
    while attempt < 8 && !Task.isCancelled {
        do {
            try await register(session, accessToken: try await accessToken(fresh))
            return
        } catch let failure as Failure where failure.statusCode == 401 && !fresh {
            fresh = true  // The access token has expired: at once again, with a fresh one.
        } catch let failure as Failure where !failure.isPassing {
            return  // 400, 401 again, 403, 404, or another 409: the same call has the same answer.
        } catch {
            attempt += 1
            fresh = false
            try? await Task.sleep(for: .seconds(attempt * attempt))
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
    if status == 200 { return }
    let failure = try? JSONDecoder().decode(Failure.self, from: data)
    if let failure, failure.isStreamEnded { return }
    throw failure ?? Failure(statusCode: status, errors: [])
}
