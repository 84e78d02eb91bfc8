#!/usr/bin/env bash
# Sends the request logs of a Google Cloud project to Uneri: a sink of Cloud Logging, a topic of Pub/Sub, and a
# subscription that posts to the path /pubsub of a daemon with a token that Google signs.
#
#   PROJECT=my-project URL=https://uneri.example.com ./setup.sh
#
# You need the roles Logs Configuration Writer, Pub/Sub Admin, Service Account Admin and Service Account User. To undo
# all of it: delete the sink, the subscription, the topic and the service account that are named here.
set -euo pipefail
: "${PROJECT:?the id of the project}" "${URL:?where the daemon is reached: https://HOST}"
NAME="${NAME:-uneri}"
URL="${URL%/}"
PUSHER="$NAME-push@$PROJECT.iam.gserviceaccount.com"

# Cloud Run and functions, App Engine, load balancers and API Gateway; and what programs write in the form of
# docs/event.md.
FILTER="${FILTER:-log_id(\"run.googleapis.com/requests\") OR log_id(\"appengine.googleapis.com/nginx.request\") \
OR log_id(\"appengine.googleapis.com/request_log\") OR log_id(\"requests\") \
OR log_id(\"cloudfunctions.googleapis.com/cloud-functions\") OR resource.type=\"apigateway.googleapis.com/Gateway\" \
OR jsonPayload.ts>0}"

gcloud --project "$PROJECT" services enable pubsub.googleapis.com logging.googleapis.com iam.googleapis.com
gcloud --project "$PROJECT" pubsub topics create "$NAME-logs"
gcloud --project "$PROJECT" iam service-accounts create "$NAME-push" --display-name "Posts logs to Uneri"
gcloud --project "$PROJECT" pubsub subscriptions create "$NAME-logs" --topic "$NAME-logs" \
  --push-endpoint "$URL/pubsub" --push-auth-service-account "$PUSHER" --push-auth-token-audience "$URL/pubsub" \
  --ack-deadline 60 --min-retry-delay 10s --max-retry-delay 600s --message-retention-duration 1d \
  --expiration-period never
gcloud --project "$PROJECT" logging sinks create "$NAME" \
  "pubsub.googleapis.com/projects/$PROJECT/topics/$NAME-logs" --log-filter "$FILTER"
WRITER="$(gcloud --project "$PROJECT" logging sinks describe "$NAME" --format 'value(writerIdentity)')"
gcloud --project "$PROJECT" pubsub topics add-iam-policy-binding "$NAME-logs" --member "$WRITER" \
  --role roles/pubsub.publisher

echo "The daemon must accept tokens of $PUSHER for the audience $URL/pubsub."
