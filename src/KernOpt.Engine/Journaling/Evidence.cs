using System.Text.Json.Nodes;
using KernOpt.Measure.Comparing;
using KernOpt.Measure.Profiles;
using KernOpt.Measure.Statistics;

namespace KernOpt.Engine.Journaling;

/// <summary>Figures of the measuring part as the journal keeps them. JSON has no infinities: an end that is open is null.</summary>
public static class Evidence
{
    public static JsonObject Of(Verdict verdict) => new()
    {
        ["verdict"] = verdict.KindText,
        ["effect"] = Number(verdict.Effect),
        ["interval"] = Of(verdict.Interval),
        ["intervalLevel"] = Number(1 - verdict.Basis.NominalAlpha),
        ["pValue"] = Number(verdict.PValue),
        ["robustEffect"] = Number(verdict.Robust.Effect),
        ["robustInterval"] = Of(verdict.Robust.Interval),
        ["robustPValue"] = Number(verdict.Robust.PValue),
        ["blocksUsed"] = verdict.Basis.BlocksUsed,
        ["blocksExcluded"] = verdict.Basis.BlocksExcluded,
        ["exclusions"] = new JsonObject(verdict.Basis.Exclusions.Select(e => KeyValuePair.Create(e.Key, (JsonNode?)e.Value))),
        ["blocksPlanned"] = verdict.Basis.BlocksPlanned,
        ["blocksNeeded"] = verdict.BlocksNeeded,
        ["look"] = verdict.Basis.Look,
        ["looks"] = verdict.Basis.Looks,
        ["test"] = verdict.Test,
        ["assumptions"] = verdict.Assumptions,
        ["why"] = verdict.Why,
    };

    public static JsonObject Of<TKey>(HotFunction<TKey> function)
        where TKey : class => new()
        {
            ["share"] = Number(function.Share),
            ["shareInterval"] = Of(function.ShareInterval),
            ["cpuSeconds"] = Number(function.CpuSeconds),
            ["samples"] = function.Samples,
        };

    /// <summary>The value as text, hexadecimal: JSON's numbers do not hold 64 bits everywhere.</summary>
    public static JsonObject Of(ValueShare value) => new()
    {
        ["value"] = $"0x{value.Value:x}",
        ["count"] = value.Count,
        ["share"] = Number(value.Share),
        ["shareAtLeast"] = Number(value.ShareAtLeast),
    };

    public static JsonArray Of(Interval interval) => [Number(interval.Low), Number(interval.High)];

    private static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
