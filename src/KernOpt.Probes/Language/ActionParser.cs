using System.Collections.Immutable;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Probes.Language;

/// <summary>Reads what is to happen: <c>count</c>, <c>locked-count</c>, <c>fast-count</c>, <c>time</c>, <c>cpu-time</c>, <c>check(CONDITION)</c>, <c>break</c>, <c>values(A, …)</c>, <c>trace(A, …)</c>, <c>trace</c> or <c>stack</c>.</summary>
public static class ActionParser
{
    private const string Known = "count, locked-count, fast-count, time, cpu-time, values(VALUE, …), trace, trace(VALUE, …), check(CONDITION), stack or break was expected";

    /// <summary>Refused (8008) with the column of what is wrong, (8010) with more values than there may be.</summary>
    public static Outcome<ProbeAction> Parse(string text, INames names)
    {
        if (!ExpressionParser.Open(text, names).Try(out var parser, out var why)) return why;
        if (parser.Current.Kind != TokenKind.Name) return parser.Wrong(Known);
        var unknown = parser.Wrong(Known);
        var name = parser.TakeHyphenated();
        if (name is not ("count" or "locked-count" or "fast-count" or "time" or "cpu-time" or "values" or "trace" or "check" or "stack" or "break" or "hw")) return unknown;
        if (name == "hw") return Hardware(parser, names);
        if (!Values(parser).Try(out var values, out why)) return why;
        if (!parser.EndOf().Try(out _, out why)) return why;
        return name switch
        {
            "count" => values.IsEmpty ? new CountAction() : Reasons.BadAction.With($"'{text}': count takes no values"),
            "locked-count" => values.IsEmpty ? new CountAction(IsAlwaysLocked: true) : Reasons.BadAction.With($"'{text}': locked-count takes no values"),
            "fast-count" => values.IsEmpty ? names.ThreadNumberOffset().Then<ProbeAction>(offset => new PerThreadCountAction(offset)) : Reasons.BadAction.With($"'{text}': fast-count takes no values"),
            "time" => values.IsEmpty ? names.ThreadNumberOffset().Then<ProbeAction>(offset => new TimeAction(offset)) : Reasons.BadAction.With($"'{text}': time takes no values"),
            "break" => values.IsEmpty ? names.ThreadNumberOffset().Then<ProbeAction>(offset => new BreakAction(offset)) : Reasons.BadAction.With($"'{text}': break takes no values"),
            "stack" => values.IsEmpty ? names.ThreadNumberOffset().Then<ProbeAction>(offset => new StackAction(offset)) : Reasons.BadAction.With($"'{text}': stack takes no values"),
            "cpu-time" => values.IsEmpty ? names.ThreadNumberOffset().Then<ProbeAction>(offset => new TimeAction(offset, IsCpuTime: true)) : Reasons.BadAction.With($"'{text}': cpu-time takes no values"),
            "check" => values is [var condition] ? names.ThreadNumberOffset().Then<ProbeAction>(offset => new TraceAction([new ThreadNumber(offset)]) { Checked = condition }) : Reasons.BadAction.With($"'{text}': check takes one condition"),
            "values" => values.Length is > 0 and <= ValuesAction.MostExpressions ? new ValuesAction(values) : Reasons.BadAction.With($"'{text}': values takes 1 to {ValuesAction.MostExpressions} of them"),
            _ => values.Length <= TraceAction.MostFields ? new TraceAction(values) : Reasons.BadAction.With($"'{text}': trace takes at most {TraceAction.MostFields} values"),
        };
    }

    /// <summary>No hardware counter is read in line yet: what the machine says of it is told.</summary>
    private static Refusal Hardware(ExpressionParser parser, INames names)
    {
        if (!parser.Take("(") || parser.Current.Kind != TokenKind.Name) return parser.Wrong("hw(EVENT) was expected, with an event as perf names it");
        return names.WhyNotCounted(parser.TakeHyphenated());
    }

    private static Outcome<ImmutableArray<Expression>> Values(ExpressionParser parser)
    {
        if (!parser.Take("(") || parser.Take(")")) return ImmutableArray<Expression>.Empty;
        var values = ImmutableArray.CreateBuilder<Expression>();
        do
        {
            if (!parser.Next().Try(out var value, out var why)) return why;
            values.Add(value);
        }
        while (parser.Take(","));
        return parser.Take(")") ? values.ToImmutable() : parser.Wrong("',' or ')' was expected");
    }
}
