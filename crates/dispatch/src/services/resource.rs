//! What the Resource of a Task state names.

/// How a task of a service ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// With the service's answer.
    RequestResponse,
    /// With the job that the service has taken.
    Sync,
    /// By the task's token.
    WaitForTaskToken,
}

/// A parsed resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    /// A function, by its ARN.
    Function,
    /// `arn:PARTITION:states:::SERVICE:ACTION[.PATTERN]`
    Service {
        service: &'a str,
        action: &'a str,
        pattern: Pattern,
    },
}

impl<'a> Resource<'a> {
    pub(super) fn parse(arn: &'a str) -> Option<Self> {
        let rest = arn.strip_prefix("arn:")?;
        let (_, rest) = rest.split_once(':')?;
        if rest.starts_with("lambda:") {
            return Some(Self::Function);
        }
        let (service, action) = rest.strip_prefix("states:::")?.split_once(':')?;
        // The `:2` of `.sync:2` says how the result is written, which is the machine's affair.
        let (action, pattern) = match action.split_once('.') {
            None => (action, Pattern::RequestResponse),
            Some((action, "sync" | "sync:2")) => (action, Pattern::Sync),
            Some((action, "waitForTaskToken")) => (action, Pattern::WaitForTaskToken),
            Some(_) => return None,
        };
        Some(Self::Service {
            service,
            action,
            pattern,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_in_all_forms() {
        let service = |service, action, pattern| {
            Some(Resource::Service {
                service,
                action,
                pattern,
            })
        };
        let cases = [
            (
                "arn:aws:lambda:us-east-1:000000000000:function:f:1",
                Some(Resource::Function),
            ),
            (
                "arn:aws:states:::lambda:invoke",
                service("lambda", "invoke", Pattern::RequestResponse),
            ),
            (
                "arn:aws-cn:states:::lambda:invoke.waitForTaskToken",
                service("lambda", "invoke", Pattern::WaitForTaskToken),
            ),
            (
                "arn:aws:states:::states:startExecution.sync",
                service("states", "startExecution", Pattern::Sync),
            ),
            (
                "arn:aws:states:::states:startExecution.sync:2",
                service("states", "startExecution", Pattern::Sync),
            ),
            ("arn:aws:states:::lambda:invoke.later", None),
            ("arn:aws:states:us-east-1:000000000000:activity:a", None),
            ("arn:aws:states:::lambda", None),
            ("lambda:invoke", None),
            ("", None),
        ];
        for (arn, expected) in cases {
            assert_eq!(Resource::parse(arn), expected, "{arn}");
        }
    }
}
