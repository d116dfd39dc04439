//! CloudWatch Logs' API and `GET /functions/NAME/logs` over captured lines.

use everstep_logs::{LogLine, LogStream, function_group};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World};

/// Seconds since 1970 of the first line: far enough from now that no line is too old for a while.
fn first_s() -> i64 {
    jiff::Timestamp::now().as_second() - 3_600
}

const EXECUTION: &str = "01a1fd55-b070-7cca-9e02-0055fd5a0082";

fn line(at_s: i64, stream: &str, message: &str) -> LogLine {
    let at = jiff::Timestamp::from_second(at_s).expect("a time");
    LogLine {
        time: format!("{at:.6}"),
        request_id: Some("r-1".to_owned()),
        execution: Some(EXECUTION.to_owned()).filter(|_| message.contains("durable")),
        stream: LogStream::Stdout,
        log_stream: stream.to_owned(),
        message: message.to_owned(),
    }
}

impl World {
    fn print(&self, function: &str, lines: &[LogLine]) {
        self.logs.append(&self.logs.of_function(function), lines);
    }

    async fn logs_call(&self, operation: &str, body: &Value) -> Answer {
        let target = format!("Logs_20140328.{operation}");
        let headers = [
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        self.send(Method::POST, "/", &headers, body.to_string())
            .await
    }

    async fn logs_good(&self, operation: &str, body: Value) -> Value {
        let answer = self.logs_call(operation, &body).await;
        assert_eq!(answer.status, 200, "{operation} {body}: {}", answer.json());
        answer.json()
    }

    async fn logs_refused(&self, operation: &str, body: Value) -> (u16, String, String) {
        let answer = self.logs_call(operation, &body).await;
        let code = answer.headers.get("x-everstep-error").expect("a code");
        let code = code.to_str().expect("text").to_owned();
        (
            answer.status,
            answer.json()["__type"].as_str().expect("a type").to_owned(),
            code,
        )
    }

    async fn query(&self, text: &str, from: i64, until: i64) -> Value {
        let request = json!({ "logGroupName": "/aws/lambda/f", "startTime": from, "endTime": until, "queryString": text });
        let id = self.logs_good("StartQuery", request).await["queryId"].clone();
        loop {
            let results = self
                .logs_good("GetQueryResults", json!({ "queryId": id }))
                .await;
            if !["Scheduled", "Running"].contains(&results["status"].as_str().expect("a status")) {
                return results;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

fn messages(events: &Value) -> Vec<String> {
    let events = events["events"].as_array().expect("events");
    events
        .iter()
        .map(|event| event["message"].as_str().expect("text").to_owned())
        .collect()
}

/// Ten lines of two workers, a second apart.
async fn sample() -> (World, i64) {
    let world = World::new().await;
    let first = first_s();
    for number in 0..10 {
        let stream = if number % 2 == 0 { "even" } else { "odd" };
        world.print(
            "f",
            &[line(
                first + number,
                stream,
                &format!("{{\"number\":{number}}}"),
            )],
        );
    }
    (world, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_filtered_by_time_stream_and_pattern_and_paged() {
    let (world, first) = sample().await;
    let group = "/aws/lambda/f";
    let filtered = async |more: Value| {
        let mut request = json!({ "logGroupName": group });
        request
            .as_object_mut()
            .expect("members")
            .extend(more.as_object().expect("members").clone());
        messages(&world.logs_good("FilterLogEvents", request).await)
    };
    let numbers = |wanted: &[i64]| {
        wanted
            .iter()
            .map(|number| format!("{{\"number\":{number}}}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        filtered(json!({})).await,
        numbers(&(0..10).collect::<Vec<_>>())
    );
    assert_eq!(
        filtered(json!({ "logStreamNames": ["odd"] })).await,
        numbers(&[1, 3, 5, 7, 9])
    );
    assert_eq!(
        filtered(json!({ "logStreamNamePrefix": "ev", "filterPattern": "{ $.number > 3 }" })).await,
        numbers(&[4, 6, 8])
    );
    let ms = |second: i64| (first + second) * 1_000;
    assert_eq!(
        filtered(json!({ "startTime": ms(3), "endTime": ms(5) })).await,
        numbers(&[3, 4, 5])
    );
    assert_eq!(
        filtered(json!({ "startFromHead": false, "limit": 3 })).await,
        numbers(&[9, 8, 7])
    );
    for forward in [true, false] {
        let (mut pages, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut request =
                json!({ "logGroupName": group, "limit": 3, "startFromHead": forward });
            if !token.is_null() {
                request["nextToken"] = token;
            }
            let page = world.logs_good("FilterLogEvents", request).await;
            pages.extend(messages(&page));
            token = page["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        if !forward {
            pages.reverse();
        }
        assert_eq!(pages, numbers(&(0..10).collect::<Vec<_>>()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_from_both_ends_and_its_tokens_stand_still_there() {
    let (world, first) = sample().await;
    let request = |more: Value| {
        let mut request =
            json!({ "logGroupName": "/aws/lambda/f", "logStreamName": "even", "limit": 2 });
        request
            .as_object_mut()
            .expect("members")
            .extend(more.as_object().expect("members").clone());
        request
    };
    let get = async |more: Value| world.logs_good("GetLogEvents", request(more)).await;
    let last = get(json!({})).await;
    assert_eq!(messages(&last), ["{\"number\":6}", "{\"number\":8}"]);
    let before = get(json!({ "nextToken": last["nextBackwardToken"] })).await;
    assert_eq!(messages(&before), ["{\"number\":2}", "{\"number\":4}"]);
    let again = get(json!({ "nextToken": before["nextForwardToken"] })).await;
    assert_eq!(messages(&again), messages(&last));
    let end = get(json!({ "nextToken": again["nextForwardToken"] })).await;
    assert_eq!(
        (messages(&end), &end["nextForwardToken"]),
        (vec![], &again["nextForwardToken"])
    );
    world.print("f", &[line(first + 20, "even", "late")]);
    assert_eq!(
        messages(&get(json!({ "nextToken": end["nextForwardToken"] })).await),
        ["late"]
    );
    let head = get(json!({ "startFromHead": true, "startTime": (first + 2) * 1_000, "endTime": (first + 4) * 1_000 })).await;
    assert_eq!(
        messages(&head),
        ["{\"number\":2}"],
        "the end is exclusive here"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_and_streams_are_described() {
    let (world, first) = sample().await;
    for name in ["/made/a", "/made/b"] {
        world
            .logs_good(
                "CreateLogGroup",
                json!({ "logGroupName": name, "tags": { "team": "x" } }),
            )
            .await;
    }
    world
        .logs_good(
            "PutRetentionPolicy",
            json!({ "logGroupName": "/made/a", "retentionInDays": 7 }),
        )
        .await;
    let mut names = Vec::new();
    let mut request = json!({ "limit": 2 });
    loop {
        let page = world.logs_good("DescribeLogGroups", request.clone()).await;
        names.extend(page["logGroups"].as_array().expect("groups").clone());
        let Some(next) = page.get("nextToken") else {
            break;
        };
        request["nextToken"] = next.clone();
    }
    let shown: Vec<_> = names
        .iter()
        .map(|group| {
            (
                group["logGroupName"].as_str().expect("a name"),
                group["retentionInDays"].as_u64(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("/aws/lambda/f", None),
            ("/made/a", Some(7)),
            ("/made/b", None)
        ]
    );
    assert_eq!(
        names[0]["arn"],
        "arn:aws:logs:us-west-2:000000000000:log-group:/aws/lambda/f:*"
    );
    assert_eq!(names[0]["creationTime"], first * 1_000);
    let arn = names[1]["logGroupArn"].clone();
    world
        .logs_good(
            "TagResource",
            json!({ "resourceArn": arn, "tags": { "cost": "1" } }),
        )
        .await;
    world
        .logs_good(
            "UntagResource",
            json!({ "resourceArn": arn, "tagKeys": ["team"] }),
        )
        .await;
    let tags = world
        .logs_good("ListTagsForResource", json!({ "resourceArn": arn }))
        .await;
    assert_eq!(tags, json!({ "tags": { "cost": "1" } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_described_by_name_and_by_time() {
    let (world, _) = sample().await;
    let arn = "arn:aws:logs:us-west-2:000000000000:log-group:/aws/lambda/f:*";
    let streams = async |more: Value| {
        let mut request = json!({ "logGroupIdentifier": arn });
        request
            .as_object_mut()
            .expect("members")
            .extend(more.as_object().expect("members").clone());
        let page = world.logs_good("DescribeLogStreams", request).await;
        let all = page["logStreams"].as_array().expect("streams").iter();
        (
            all.map(|stream| stream["logStreamName"].as_str().expect("a name").to_owned())
                .collect::<Vec<_>>(),
            page["nextToken"].clone(),
        )
    };
    assert_eq!(streams(json!({})).await.0, ["even", "odd"]);
    assert_eq!(
        streams(json!({ "logStreamNamePrefix": "o" })).await.0,
        ["odd"]
    );
    let (page, token) =
        streams(json!({ "orderBy": "LastEventTime", "descending": true, "limit": 1 })).await;
    assert_eq!(page, ["odd"]);
    let rest =
        json!({ "orderBy": "LastEventTime", "descending": true, "limit": 1, "nextToken": token });
    assert_eq!(streams(rest).await, (vec!["even".to_owned()], Value::Null));
    world
        .logs_good("DeleteLogGroup", json!({ "logGroupName": "/aws/lambda/f" }))
        .await;
    assert_eq!(
        world
            .logs_refused(
                "DescribeLogStreams",
                json!({ "logGroupName": "/aws/lambda/f" })
            )
            .await
            .1,
        "ResourceNotFoundException"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retention_hides_what_is_older() {
    let world = World::new().await;
    let now = jiff::Timestamp::now().as_second();
    world.print(
        "f",
        &[line(now - 3 * 86_400, "s", "old"), line(now, "s", "new")],
    );
    let all = json!({ "logGroupName": "/aws/lambda/f" });
    assert_eq!(
        messages(&world.logs_good("FilterLogEvents", all.clone()).await),
        ["old", "new"]
    );
    world
        .logs_good(
            "PutRetentionPolicy",
            json!({ "logGroupName": "/aws/lambda/f", "retentionInDays": 1 }),
        )
        .await;
    assert_eq!(
        messages(&world.logs_good("FilterLogEvents", all.clone()).await),
        ["new"]
    );
    world.logs_good("DeleteRetentionPolicy", all.clone()).await;
    assert_eq!(
        messages(&world.logs_good("FilterLogEvents", all).await),
        ["old", "new"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_runs_is_described_and_its_records_are_found_again() {
    let (world, first) = sample().await;
    let results = world
        .query(
            "fields number | filter number > 6 | sort number desc",
            first,
            first + 60,
        )
        .await;
    assert_eq!(results["status"], "Complete");
    assert_eq!(results["statistics"]["recordsScanned"], 10.0);
    assert_eq!(results["statistics"]["recordsMatched"], 3.0);
    let rows = results["results"].as_array().expect("rows");
    let numbers: Vec<&Value> = rows.iter().map(|row| &row[0]["value"]).collect();
    assert_eq!(numbers, ["9", "8", "7"]);
    assert_eq!(rows[0][1]["field"], "@ptr");
    let record = world
        .logs_good(
            "GetLogRecord",
            json!({ "logRecordPointer": rows[0][1]["value"] }),
        )
        .await;
    assert_eq!(
        (
            &record["logRecord"]["@message"],
            &record["logRecord"]["number"]
        ),
        (&json!("{\"number\":9}"), &json!("9"))
    );
    let window = world
        .query("stats count(*) as n", first + 2, first + 4)
        .await;
    assert_eq!(window["results"], json!([[{ "field": "n", "value": "3" }]]));
    let in_ms = world
        .query(
            "stats count(*) as n",
            (first + 2) * 1_000,
            (first + 4) * 1_000,
        )
        .await;
    assert_eq!(in_ms["results"], window["results"]);
    let queries = world
        .logs_good(
            "DescribeQueries",
            json!({ "status": "Complete", "maxResults": 2 }),
        )
        .await;
    assert_eq!(queries["queries"].as_array().map(Vec::len), Some(2));
    let rest = json!({ "maxResults": 2, "nextToken": queries["nextToken"] });
    assert_eq!(
        world.logs_good("DescribeQueries", rest).await["queries"][0]["queryString"],
        "fields number | filter number > 6 | sort number desc"
    );
    let ended = json!({ "queryId": queries["queries"][0]["queryId"] });
    assert_eq!(
        world.logs_refused("StopQuery", ended).await.1,
        "InvalidParameterException"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e0160_e0161_and_e0162_have_the_names_that_clients_know() {
    let (world, first) = sample().await;
    let refused = |kind: &str, code: &str| (400, kind.to_owned(), code.to_owned());
    let unknown = refused("ResourceNotFoundException", "E0160");
    let group = json!({ "logGroupName": "/aws/lambda/nobody" });
    for operation in ["FilterLogEvents", "DescribeLogStreams", "DeleteLogGroup"] {
        assert_eq!(
            world.logs_refused(operation, group.clone()).await,
            unknown,
            "{operation}"
        );
    }
    let stream = json!({ "logGroupName": "/aws/lambda/f", "logStreamName": "none" });
    assert_eq!(world.logs_refused("GetLogEvents", stream).await, unknown);
    assert_eq!(
        world
            .logs_refused("GetQueryResults", json!({ "queryId": "none" }))
            .await,
        unknown
    );
    let query = json!({ "logGroupName": "/aws/lambda/f", "startTime": first, "endTime": first + 1, "queryString": "fields a | wher b" });
    assert_eq!(
        world.logs_refused("StartQuery", query.clone()).await,
        refused("MalformedQueryException", "E0161")
    );
    let place =
        world.logs_call("StartQuery", &query).await.json()["queryCompileError"]["location"].clone();
    assert_eq!(place, json!({ "startCharOffset": 11, "endCharOffset": 15 }));
    let pattern = json!({ "logGroupName": "/aws/lambda/f", "filterPattern": "{ $.a = " });
    assert_eq!(
        world.logs_refused("FilterLogEvents", pattern).await,
        refused("InvalidParameterException", "E0162")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_is_refused_by_the_name_that_clients_know() {
    let (world, _) = sample().await;
    let refused = |kind: &str, code: &str| (400, kind.to_owned(), code.to_owned());
    let invalid = refused("InvalidParameterException", "E0112");
    for (operation, body) in [
        ("FilterLogEvents", json!({})),
        (
            "FilterLogEvents",
            json!({ "logGroupName": "/aws/lambda/f", "limit": 0 }),
        ),
        (
            "FilterLogEvents",
            json!({ "logGroupName": "/aws/lambda/f", "limit": 10_001 }),
        ),
        (
            "FilterLogEvents",
            json!({ "logGroupName": "/aws/lambda/f", "nextToken": "x" }),
        ),
        ("CreateLogGroup", json!({ "logGroupName": "two words" })),
        (
            "PutRetentionPolicy",
            json!({ "logGroupName": "/aws/lambda/f", "retentionInDays": 2 }),
        ),
        (
            "StartQuery",
            json!({ "logGroupName": "/aws/lambda/f", "startTime": 2, "endTime": 1, "queryString": "limit 1" }),
        ),
    ] {
        assert_eq!(
            world.logs_refused(operation, body.clone()).await,
            invalid,
            "{operation} {body}"
        );
    }
    let exists = json!({ "logGroupName": "/aws/lambda/f" });
    assert_eq!(
        world.logs_refused("CreateLogGroup", exists).await,
        refused("ResourceAlreadyExistsException", "E0113")
    );
    assert_eq!(
        world.logs_refused("PutMetricFilter", json!({})).await,
        refused("UnknownOperationException", "E0111")
    );
    let other = world
        .send(
            Method::POST,
            "/",
            &[("x-amz-target", "DynamoDB_20120810.GetItem")],
            "{}",
        )
        .await;
    assert_eq!(
        (other.status, other.json()["__type"].clone()),
        (400, json!("UnknownOperationException"))
    );
    assert_eq!(
        world
            .logs_refused("GetLogEvents", json!({ "limit": "many" }))
            .await,
        refused("SerializationException", "E0102")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_s_lines_are_read_on_from_where_an_answer_ended() {
    let world = World::new().await;
    world.create("f", false).await;
    let empty = world.get("/functions/f/logs").await.json();
    assert_eq!(empty["lines"], json!([]));
    let first = first_s();
    world.print(
        "f",
        &[
            line(first, "s", "one"),
            line(first + 1, "s", "durable two"),
            line(first + 2, "s", "three"),
        ],
    );
    let read = async |query: &str| {
        let page = world
            .get(&format!("/functions/f/logs?{query}"))
            .await
            .json();
        let lines = page["lines"].as_array().expect("lines").iter();
        let messages = lines
            .map(|line| line["message"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>();
        (
            messages,
            page["next"].as_str().expect("where to go on").to_owned(),
        )
    };
    let next = empty["next"].as_str().expect("where to go on");
    assert_eq!(
        read(&format!("after={next}")).await.0,
        ["one", "durable two", "three"]
    );
    let (last, next) = read("limit=2").await;
    assert_eq!(last, ["durable two", "three"]);
    world.print("f", &[line(first + 3, "s", "four")]);
    let (new, next) = read(&format!("after={next}")).await;
    assert_eq!(new, ["four"]);
    assert_eq!(read(&format!("after={next}")).await.0, Vec::<String>::new());
    assert_eq!(read("filter=t%20-two").await.0, ["three"]);
    assert_eq!(
        read(&format!("execution=arn:x/durable-execution/n/{EXECUTION}"))
            .await
            .0,
        ["durable two"]
    );
    assert_eq!(read("request_id=r-2").await.0, Vec::<String>::new());
    let since = jiff::Timestamp::from_second(first + 2).expect("a time");
    let (page, next) = read(&format!("since={since}&limit=1")).await;
    assert_eq!(
        (page, read(&format!("since={since}&after={next}")).await.0),
        (vec!["three".to_owned()], vec!["four".to_owned()])
    );
    world
        .get("/functions/f/logs?since=then")
        .await
        .is_problem(400, "E0112");
    world
        .get("/functions/f/logs?filter=%7B")
        .await
        .is_problem(400, "E0162");
    world
        .get("/functions/nobody/logs")
        .await
        .is_problem(404, "E0101");
    assert!(world.logs.group(&function_group("f")).is_some());
}
