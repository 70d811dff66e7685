# A 409 that says "The stream has ended: this activity is kept, and will be ended." is a success, too.
curl --request POST https://api.example.com/api/v1/notifications/live-activity-sessions \
  --header "Authorization: Bearer $ACCESS_TOKEN" \
  --header "Content-Type: application/json" \
  --data '{
    "streamId": "65f000000000000000000001",
    "deviceId": "iphone-15-pro-max",
    "liveActivityToken": "live_activity_runtime_token",
    "activityId": "live-activity-123"
  }'
