//! The tree of one source file: names are slices of the source, everything has a span, order is source order.

use crate::lex::Comment;
use crate::span::Span;

/// A word of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'s> {
    /// Its text.
    pub text: &'s str,
    /// Its place.
    pub span: Span,
}

/// One source file.
#[derive(Debug, Clone, Default)]
pub struct File<'s> {
    /// What it declares.
    pub items: Vec<Item<'s>>,
    /// Its comments apart from doc comments, in order.
    pub comments: Vec<Comment>,
}

/// What may stand in a file.
#[derive(Debug, Clone)]
pub enum Item<'s> {
    Namespace(Namespace<'s>),
    Decl(Decl<'s>),
}

/// `namespace a.b { .. }`
#[derive(Debug, Clone)]
pub struct Namespace<'s> {
    pub doc: Option<Name<'s>>,
    pub name: Name<'s>,
    pub decls: Vec<Decl<'s>>,
    pub span: Span,
}

/// What may stand in a namespace.
#[derive(Debug, Clone)]
pub enum Decl<'s> {
    Use(Use<'s>),
    Facet(Box<Facet<'s>>),
    Schema(Schema<'s>),
    Implicit(Implicit<'s>),
}

impl Decl<'_> {
    /// Its place.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Use(x) => x.span,
            Self::Facet(x) => x.span,
            Self::Schema(x) => x.span,
            Self::Implicit(x) => x.span,
        }
    }
}

/// `use a.b`
#[derive(Debug, Clone)]
pub struct Use<'s> {
    pub name: Name<'s>,
    pub span: Span,
}

/// The three kinds of facet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FacetKind {
    Facet,
    Event,
    Workflow,
}

impl FacetKind {
    /// The words that declare it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Facet => "facet",
            Self::Event => "event facet",
            Self::Workflow => "workflow",
        }
    }
}

/// A facet, event facet or workflow.
#[derive(Debug, Clone)]
pub struct Facet<'s> {
    pub kind: FacetKind,
    pub doc: Option<Name<'s>>,
    pub sig: Sig<'s>,
    pub pre_script: Option<Script<'s>>,
    pub body: Body<'s>,
    pub catch: Option<Catch<'s>>,
    pub span: Span,
}

/// The head of a facet.
#[derive(Debug, Clone)]
pub struct Sig<'s> {
    pub name: Name<'s>,
    pub params: Vec<Param<'s>>,
    pub returns: Option<Vec<Param<'s>>>,
    pub mixins: Vec<Mixin<'s>>,
    pub span: Span,
}

/// A parameter, an output or a schema field (which has no default).
#[derive(Debug, Clone)]
pub struct Param<'s> {
    pub name: Name<'s>,
    pub ty: Type<'s>,
    pub default: Option<Expr<'s>>,
    pub span: Span,
}

/// A type as written.
#[derive(Debug, Clone)]
pub enum Type<'s> {
    /// A builtin type, a schema, or (FFL) a facet.
    Name(Name<'s>),
    /// `[T]`
    List(Box<Type<'s>>, Span),
}

impl Type<'_> {
    /// Its place.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Name(name) => name.span,
            Self::List(_, span) => *span,
        }
    }
}

/// What a facet does.
#[derive(Debug, Clone)]
pub enum Body<'s> {
    None,
    Blocks(Vec<AndThen<'s>>),
    Prompt(Prompt<'s>),
}

impl<'s> Body<'s> {
    /// Its andThen blocks.
    #[must_use]
    pub fn blocks(&self) -> &[AndThen<'s>] {
        match self {
            Self::Blocks(blocks) => blocks,
            Self::None | Self::Prompt(_) => &[],
        }
    }
}

/// `prompt { system ".." template ".." model ".." }`; each value is a string literal with its quotes.
#[derive(Debug, Clone)]
pub struct Prompt<'s> {
    /// The directive's word and its literal, in source order; of repeated ones the last counts.
    pub directives: Vec<(Name<'s>, Name<'s>)>,
    pub span: Span,
}

impl<'s> Prompt<'s> {
    /// The literal of a directive.
    #[must_use]
    pub fn get(&self, word: &str) -> Option<Name<'s>> {
        self.directives
            .iter()
            .rev()
            .find(|(name, _)| name.text == word)
            .map(|(_, value)| *value)
    }
}

/// `script ".."`, `script python ".."` or `script { .. }`
#[derive(Debug, Clone)]
pub struct Script<'s> {
    pub language: Option<Name<'s>>,
    /// A string literal with its quotes, or code with its braces.
    pub code: Name<'s>,
    pub span: Span,
}

impl Script<'_> {
    /// Whether the code stands between braces.
    #[must_use]
    pub fn braced(&self) -> bool {
        self.code.text.starts_with('{')
    }

    /// The code itself.
    #[must_use]
    pub fn text(&self) -> String {
        if self.braced() {
            crate::script::code(self.code.text)
        } else {
            crate::literal::text(self.code.text)
        }
    }
}

/// One `andThen`.
#[derive(Debug, Clone)]
pub struct AndThen<'s> {
    pub foreach: Option<Foreach<'s>>,
    pub kind: Then<'s>,
    pub span: Span,
}

/// What an `andThen` holds.
#[derive(Debug, Clone)]
pub enum Then<'s> {
    Block(Block<'s>),
    Script(Script<'s>),
    When(When<'s>),
}

/// `foreach v in ref`
#[derive(Debug, Clone)]
pub struct Foreach<'s> {
    pub variable: Name<'s>,
    pub list: Expr<'s>,
}

/// `{ steps, then yields }`
#[derive(Debug, Clone, Default)]
pub struct Block<'s> {
    pub steps: Vec<Stmt<'s>>,
    pub yields: Vec<Yield<'s>>,
    pub span: Span,
}

/// What may stand in a block before the yields.
#[derive(Debug, Clone)]
pub enum Stmt<'s> {
    Step(Step<'s>),
    /// `sys.log(name = expr, ..)`
    Log {
        args: Vec<Arg<'s>>,
        span: Span,
    },
    /// `sys.assert(expr)`
    Assert {
        condition: Expr<'s>,
        span: Span,
    },
}

impl Stmt<'_> {
    /// Its place.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Step(step) => step.span,
            Self::Log { span, .. } | Self::Assert { span, .. } => *span,
        }
    }
}

/// `name = Facet(..) [andThen ..] [catch ..]`
#[derive(Debug, Clone)]
pub struct Step<'s> {
    pub name: Name<'s>,
    pub call: Call<'s>,
    pub body: Option<Box<AndThen<'s>>>,
    pub catch: Option<Box<Catch<'s>>>,
    pub span: Span,
}

/// `yield Facet(..)`
#[derive(Debug, Clone)]
pub struct Yield<'s> {
    pub call: Call<'s>,
    pub span: Span,
}

/// `Facet(name = expr, ..) with Mixin(..) as alias ..`
#[derive(Debug, Clone)]
pub struct Call<'s> {
    pub target: Name<'s>,
    pub args: Vec<Arg<'s>>,
    pub mixins: Vec<Mixin<'s>>,
    pub span: Span,
}

/// `with Mixin(name = expr, ..) as alias`
#[derive(Debug, Clone)]
pub struct Mixin<'s> {
    pub target: Name<'s>,
    pub args: Vec<Arg<'s>>,
    pub alias: Option<Name<'s>>,
    pub span: Span,
}

/// `name = expr`
#[derive(Debug, Clone)]
pub struct Arg<'s> {
    pub name: Name<'s>,
    pub value: Expr<'s>,
    pub span: Span,
}

/// `when { case .. }`
#[derive(Debug, Clone)]
pub struct When<'s> {
    pub cases: Vec<Case<'s>>,
    pub span: Span,
}

/// `case condition => { .. }`; no condition means `_`.
#[derive(Debug, Clone)]
pub struct Case<'s> {
    pub condition: Option<Expr<'s>>,
    pub block: Block<'s>,
    pub span: Span,
}

/// `catch { .. }` or `catch when { .. }`
#[derive(Debug, Clone)]
pub struct Catch<'s> {
    pub kind: Caught<'s>,
    pub span: Span,
}

/// What a `catch` holds.
#[derive(Debug, Clone)]
pub enum Caught<'s> {
    Block(Block<'s>),
    When(When<'s>),
}

/// `schema S { field: Type, .. }`
#[derive(Debug, Clone)]
pub struct Schema<'s> {
    pub doc: Option<Name<'s>>,
    pub name: Name<'s>,
    pub fields: Vec<Param<'s>>,
    pub span: Span,
}

/// `implicit name = Facet(..)`
#[derive(Debug, Clone)]
pub struct Implicit<'s> {
    pub name: Name<'s>,
    pub call: Call<'s>,
    pub span: Span,
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Expr<'s> {
    pub kind: ExprKind<'s>,
    pub span: Span,
}

/// The kinds of expression. Parentheses leave no node: the formatter writes them where precedence asks for them.
#[derive(Debug, Clone)]
pub enum ExprKind<'s> {
    /// A string literal with its quotes.
    Str(&'s str),
    Int(&'s str),
    Float(&'s str),
    Bool(bool),
    Null,
    /// `$.a.b`
    Input(Vec<Name<'s>>),
    /// `a.b`, or (FFL) `a` for the whole step
    Step(Vec<Name<'s>>),
    Concat(Vec<Expr<'s>>),
    Binary(Op, Box<(Expr<'s>, Expr<'s>)>),
    Unary(Sign, Box<Expr<'s>>),
    List(Vec<Expr<'s>>),
    Map(Vec<Entry<'s>>),
    Index(Box<(Expr<'s>, Expr<'s>)>),
    /// Could not be read; reported already.
    Error,
}

/// `key: value` of a map; the key is a word or a string literal with its quotes.
#[derive(Debug, Clone)]
pub struct Entry<'s> {
    pub key: Name<'s>,
    pub value: Expr<'s>,
}

/// Prefix operators; a prefix `+` leaves no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Minus,
    Not,
}

/// Infix operators other than `++`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Or,
    And,
    Eq,
    NotEq,
    Ge,
    Le,
    Gt,
    Lt,
    In,
    NotIn,
    Contains,
    StartsWith,
    EndsWith,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl Op {
    /// How it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Eq => "==",
            Self::NotEq => "!=",
            Self::Ge => ">=",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Lt => "<",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
        }
    }
}

/// The step that stands behind a name in a block, if it is a step.
impl<'s> Stmt<'s> {
    /// The step, unless it is a `sys` statement.
    #[must_use]
    pub fn step(&self) -> Option<&Step<'s>> {
        match self {
            Self::Step(step) => Some(step),
            Self::Log { .. } | Self::Assert { .. } => None,
        }
    }
}
