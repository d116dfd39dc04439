//! What an agent asks of people.

use everstep_agent::{Agent, Question};

use super::drive::{Drive, Step};

impl Drive<'_> {
    /// The agent waits for an answer. Until there is one, the question is what is shown of the task.
    pub(super) async fn question(&mut self, _: &Agent, question: Question, _: bool) -> Step {
        self.note.message = Some(question.text);
        self.going_on().await
    }
}
