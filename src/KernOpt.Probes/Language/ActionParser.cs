using System.Collections.Immutable;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Probes.Language;

/// <summary>Reads what is to happen: <c>count</c>, <c>fast-count</c>, <c>time</c>, <c>values(A, …)</c>, <c>trace(A, …)</c> or <c>trace</c>.</summary>
public static class ActionParser
{
    private const string Known = "count, fast-count, time, values(VALUE, …), trace or trace(VALUE, …) was expected";

    /// <summary>Refused (8008) with the column of what is wrong, (8010) with more values than there may be.</summary>
    public static Outcome<ProbeAction> Parse(string text, INames names)
    {
        if (!ExpressionParser.Open(text, names).Try(out var parser, out var why)) return why;
        if (parser.Current.Kind != TokenKind.Name) return parser.Wrong(Known);
        var unknown = parser.Wrong(Known);
        var name = parser.TakeHyphenated();
        if (name is not ("count" or "fast-count" or "time" or "values" or "trace")) return unknown;
        if (!Values(parser).Try(out var values, out why)) return why;
        if (!parser.EndOf().Try(out _, out why)) return why;
        return name switch
        {
            "count" => values.IsEmpty ? new CountAction() : Reasons.BadAction.With($"'{text}': count takes no values"),
            "fast-count" => values.IsEmpty ? names.ThreadNumberOffset().Then<ProbeAction>(offset => new PerThreadCountAction(offset)) : Reasons.BadAction.With($"'{text}': fast-count takes no values"),
            "time" => values.IsEmpty ? names.ThreadNumberOffset().Then<ProbeAction>(offset => new TimeAction(offset)) : Reasons.BadAction.With($"'{text}': time takes no values"),
            "values" => values.Length is > 0 and <= ValuesAction.MostExpressions ? new ValuesAction(values) : Reasons.BadAction.With($"'{text}': values takes 1 to {ValuesAction.MostExpressions} of them"),
            _ => values.Length <= TraceAction.MostFields ? new TraceAction(values) : Reasons.BadAction.With($"'{text}': trace takes at most {TraceAction.MostFields} values"),
        };
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
