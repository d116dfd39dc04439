//! The registry of rules: one line for each thing a diagnostic can say.
//!
//! Ids and codes are stable: they are never renumbered and never reused. Each has a page in `docs/afl/rules`, shown by `everstep explain`.

/// Where a rule comes from, which decides how severe it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The text cannot be read as the language.
    Syntax,
    /// A numbered rule that the reference compiler enforces too.
    Reference,
    /// An error that only Everstep finds; a warning under `--conformance`.
    Strict,
    /// Advice: always a warning.
    Lint,
}

macro_rules! rules {
    ($($name:ident $id:literal $code:literal $origin:ident $title:literal;)*) => {
        /// A rule of the language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $title] $name,)*
        }

        /// Every rule, in the order of the codes.
        pub const ALL: &[Rule] = &[$(Rule::$name,)*];

        impl Rule {
            /// The stable id, as `REF_UNKNOWN_FACET`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The stable code, as `AFL-R06`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What is wrong, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// Where the rule comes from.
            #[must_use]
            pub const fn origin(self) -> Origin {
                match self { $(Self::$name => Origin::$origin,)* }
            }
        }
    };
}

rules! {
    UnexpectedCharacter "UNEXPECTED_CHARACTER" "AFL-P01" Syntax "A character that begins nothing in the language";
    UnclosedString "UNCLOSED_STRING" "AFL-P02" Syntax "A string without its closing quote";
    UnclosedComment "UNCLOSED_COMMENT" "AFL-P03" Syntax "A block comment without its end";
    UnclosedScript "UNCLOSED_SCRIPT" "AFL-P04" Syntax "A script block whose braces do not balance";
    BadEscape "BAD_ESCAPE" "AFL-P05" Syntax "A backslash escape that means nothing";
    BadInput "BAD_INPUT_REFERENCE" "AFL-P06" Syntax "An input reference without a name";
    Expected "UNEXPECTED_TOKEN" "AFL-P07" Syntax "Something else belongs here";
    ReferenceRefuses "REFERENCE_REFUSES" "AFL-P08" Syntax "Everstep reads this, the reference compiler does not";
    TooDeep "TOO_DEEP" "AFL-P09" Syntax "Nesting beyond the limit";
    TrailingComma "TRAILING_COMMA" "AFL-P10" Syntax "A comma with nothing behind it";
    PositionalArgument "POSITIONAL_ARGUMENT" "AFL-P11" Syntax "An argument without its name";
    MisplacedDoc "MISPLACED_DOC_COMMENT" "AFL-P12" Syntax "A doc comment before something that takes none";
    StepAfterYield "STEP_AFTER_YIELD" "AFL-P13" Syntax "A step behind a yield";
    FflOnly "FFL_ONLY" "AFL-P14" Syntax "Syntax of FFL in a file of the dialect AFL";
    TooLarge "TOO_LARGE" "AFL-P15" Syntax "A source beyond the size limit";
    NumberTooLarge "NUMBER_TOO_LARGE" "AFL-P16" Syntax "A decimal number beyond what a Double holds";
    DuplicateName "DUPLICATE_NAME" "AFL-R01" Reference "Two declarations of one name";
    DuplicateStepName "DUPLICATE_STEP_NAME" "AFL-R02" Reference "Two steps of one name";
    WorkflowAtTopLevel "WORKFLOW_AT_TOP_LEVEL" "AFL-R03" Reference "A workflow outside a namespace";
    SchemaAtTopLevel "SCHEMA_AT_TOP_LEVEL" "AFL-R04" Reference "A schema outside a namespace";
    UseUnknownNamespace "USE_UNKNOWN_NAMESPACE" "AFL-R05" Reference "A use of a namespace that does not exist";
    RefUnknownFacet "REF_UNKNOWN_FACET" "AFL-R06" Reference "A facet name that resolves to nothing";
    RefAmbiguousFacet "REF_AMBIGUOUS_FACET" "AFL-R07A" Reference "A facet name that could mean several";
    RefAmbiguousSchema "REF_AMBIGUOUS_SCHEMA" "AFL-R07B" Reference "A schema name that could mean several";
    RefUnknownType "REF_UNKNOWN_TYPE" "AFL-R08" Reference "A type that is not known";
    RefUnknownSchema "REF_UNKNOWN_SCHEMA" "AFL-R09" Reference "A qualified schema name that is not known";
    RefInvalidInput "REF_INVALID_INPUT" "AFL-R10" Reference "An input reference to a parameter that does not exist";
    RefUndefinedStep "REF_UNDEFINED_STEP" "AFL-R11" Reference "A reference to a step that is not defined";
    RefForwardStep "REF_FORWARD_STEP" "AFL-R12" Reference "A step that needs itself or a later step";
    RefInvalidStepAttribute "REF_INVALID_STEP_ATTRIBUTE" "AFL-R13" Reference "A step has no such output";
    RefInvalidStepFormat "REF_INVALID_STEP_FORMAT" "AFL-R14" Reference "A step reference without an output";
    RefCrossBlockStep "REF_CROSS_BLOCK_STEP" "AFL-R15" Reference "A reference into a sibling block";
    YieldInvalidTarget "YIELD_INVALID_TARGET" "AFL-R16" Reference "A yield to something other than the containing facet";
    YieldDuplicateTarget "YIELD_DUPLICATE_TARGET" "AFL-R17" Reference "Two yields to one target";
    WhenNoCases "WHEN_NO_CASES" "AFL-R18" Reference "A when block without cases";
    WhenMissingDefault "WHEN_MISSING_DEFAULT" "AFL-R19" Reference "A when block without a default";
    WhenMultipleDefaults "WHEN_MULTIPLE_DEFAULTS" "AFL-R20" Reference "A when block with several defaults";
    WhenDefaultNotLast "WHEN_DEFAULT_NOT_LAST" "AFL-R21" Reference "A default that is not the last case";
    WhenConditionNotBoolean "WHEN_CONDITION_NOT_BOOLEAN" "AFL-R22" Reference "A case condition that is not Boolean";
    TypeBooleanOperandRequired "TYPE_BOOLEAN_OPERAND_REQUIRED" "AFL-R23" Reference "A boolean operator on something else";
    TypeNotOperandRequired "TYPE_NOT_OPERAND_REQUIRED" "AFL-R24" Reference "A negation of something other than a Boolean";
    TypeOrderedComparisonBoolean "TYPE_ORDERED_COMPARISON_BOOLEAN" "AFL-R25" Reference "An ordered comparison of Booleans";
    TypeOrderedComparisonSchema "TYPE_ORDERED_COMPARISON_SCHEMA" "AFL-R26" Reference "An ordered comparison of records";
    TypeArithmeticString "TYPE_ARITHMETIC_STRING" "AFL-R27" Reference "Arithmetic with a String";
    TypeArithmeticBoolean "TYPE_ARITHMETIC_BOOLEAN" "AFL-R28" Reference "Arithmetic with a Boolean";
    TypeArithmeticSchema "TYPE_ARITHMETIC_SCHEMA" "AFL-R29" Reference "Arithmetic with a record";
    TypeNegateString "TYPE_NEGATE_STRING" "AFL-R30A" Reference "A minus before a String";
    TypeNegateBoolean "TYPE_NEGATE_BOOLEAN" "AFL-R30B" Reference "A minus before a Boolean";
    TypeNegateSchema "TYPE_NEGATE_SCHEMA" "AFL-R31" Reference "A minus before a record";
    SchemaUnknownField "SCHEMA_UNKNOWN_FIELD" "AFL-R32" Reference "A field that the schema does not have";
    SchemaInstantiationNoMixins "SCHEMA_INSTANTIATION_NO_MIXINS" "AFL-R33" Reference "A record built with mixins";
    ImplicitUnknownParam "IMPLICIT_UNKNOWN_PARAM" "AFL-R34" Reference "An implicit that sets an unknown parameter";
    PromptMissingTemplate "PROMPT_MISSING_TEMPLATE" "AFL-R35" Reference "A prompt without a template";
    PromptInvalidPlaceholder "PROMPT_INVALID_PLACEHOLDER" "AFL-R36" Reference "A placeholder that names no parameter";
    ScriptEmpty "SCRIPT_EMPTY" "AFL-R37" Reference "A script without code";
    ScriptUnsupportedLanguage "SCRIPT_UNSUPPORTED_LANGUAGE" "AFL-R38" Reference "A script in a language other than Python";
    MixinAliasNameConflict "MIXIN_ALIAS_NAME_CONFLICT" "AFL-R39" Reference "A mixin alias that is taken";
    YieldTargetAmbiguous "YIELD_TARGET_AMBIGUOUS" "AFL-R40" Reference "A yield target that could mean several mixins";
    StepRefFacetMismatch "STEP_REF_FACET_MISMATCH" "AFL-R41" Reference "A step of another facet than the parameter takes";
    RefInvalidFacetRefAttribute "REF_INVALID_FACET_REF_ATTRIBUTE" "AFL-R42" Reference "A name that the referenced step's facet does not have";
    SysAssertNotBoolean "SYS_ASSERT_NOT_BOOLEAN" "AFL-R43" Reference "An assertion that is not Boolean";
    TypeContainmentOperand "TYPE_CONTAINMENT_OPERAND" "AFL-R44" Reference "A containment test in something that contains nothing";
    TypeStringMatchOperand "TYPE_STRING_MATCH_OPERAND" "AFL-R45" Reference "A string match on something other than Strings";
    ArgumentMissing "ARGUMENT_MISSING" "AFL-S01" Strict "A required argument is missing";
    ArgumentUnknown "ARGUMENT_UNKNOWN" "AFL-S02" Strict "An argument that the target does not take";
    ArgumentDuplicate "ARGUMENT_DUPLICATE" "AFL-S03" Strict "An argument given twice";
    ArgumentType "ARGUMENT_TYPE" "AFL-S04" Strict "An argument of the wrong type";
    YieldUnknownOutput "YIELD_UNKNOWN_OUTPUT" "AFL-S05" Strict "A yield to an output that does not exist";
    YieldOutputType "YIELD_OUTPUT_TYPE" "AFL-S06" Strict "A yielded value of the wrong type";
    ParameterDuplicate "PARAMETER_DUPLICATE" "AFL-S07" Strict "Two parameters of one name";
    DefaultType "DEFAULT_TYPE" "AFL-S08" Strict "A default of the wrong type";
    DefaultReference "DEFAULT_REFERENCE" "AFL-S09" Strict "A default that refers to inputs or steps";
    UnknownFacet "UNKNOWN_FACET" "AFL-S10" Strict "An unqualified name that is declared nowhere";
    ForeachNotList "FOREACH_NOT_A_LIST" "AFL-S11" Strict "A foreach over something that is no list";
    Recursion "RECURSION" "AFL-S12" Strict "A facet that calls itself without end";
    ImplicitDuplicate "IMPLICIT_DUPLICATE" "AFL-S13" Strict "Two implicits of one name or for one facet";
    DuplicateAcrossBlocks "DUPLICATE_ACROSS_BLOCKS" "AFL-S14" Strict "One name declared in two blocks of a namespace";
    UnknownNestedField "UNKNOWN_NESTED_FIELD" "AFL-S15" Strict "A field that a nested record does not have";
    OutputYieldedTwice "OUTPUT_YIELDED_TWICE" "AFL-S16" Strict "One output yielded by two blocks";
    OperandType "OPERAND_TYPE" "AFL-S17" Strict "An operand of the wrong type";
    OrderOfEvents "EVENT_ORDER" "AFL-L001" Lint "Event facets whose order only their place decides";
    ScalarFromForeach "SCALAR_FROM_FOREACH" "AFL-L002" Lint "A scalar output yielded from a foreach";
    ImplicitWithoutEffect "IMPLICIT_WITHOUT_EFFECT" "AFL-L003" Lint "An implicit that reaches no step";
    MixinShadowsParameter "MIXIN_SHADOWS_PARAMETER" "AFL-L004" Lint "A mixin parameter named like a facet parameter";
    TimeoutNotLiteral "TIMEOUT_NOT_LITERAL" "AFL-L005" Lint "A timeout that is not a literal";
    MixinNotPolicy "MIXIN_NOT_A_POLICY" "AFL-L006" Lint "A mixin that is not a known policy";
    UnusedStep "UNUSED_STEP" "AFL-L007" Lint "A step whose outputs nobody reads";
}

impl Rule {
    /// The rule with this id or code; case does not matter.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|rule| {
            rule.id().eq_ignore_ascii_case(name) || rule.code().eq_ignore_ascii_case(name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_codes_are_unique() {
        let mut names: Vec<&str> = ALL
            .iter()
            .flat_map(|rule| [rule.id(), rule.code()])
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len() * 2);
    }
}
