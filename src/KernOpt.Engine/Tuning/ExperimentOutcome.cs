using KernOpt.Engine.Reports;
using KernOpt.Engine.Versions;
using KernOpt.Measure.Comparing;

namespace KernOpt.Engine.Tuning;

/// <summary>
/// One experiment from choice to end, as the report tells it. Attempt identifies what was tried, see <see cref="Attempts"/>: by the stable name, since static functions of
/// different files may share a symbol.
/// </summary>
internal sealed class ExperimentOutcome(string function, string stableName, string technique, string bindings, double share)
{
    public string Attempt => $"{stableName}|{technique}|{bindings}";
    public string Function => function;
    public string StableName => stableName;
    public ulong? Id { get; set; }
    public string Outcome { get; set; } = "refused";
    public string Why { get; set; } = "";
    public Verdict? Verdict { get; set; }

    /// <summary>The outcome that was to be, where it came about.</summary>
    public void TakenOut(TakenOut taken, string outcome, string why)
    {
        Outcome = taken.IsOff ? outcome : "not taken out";
        Why = taken.Told(why);
    }

    /// <summary>A comparison that ended before its second block has no figures.</summary>
    public ExperimentRow Row()
    {
        var told = Verdict is { Basis.BlocksUsed: > 1 } ? Verdict : null;
        return new ExperimentRow(function, technique, bindings, share, Id, Outcome, told?.Effect, told?.Interval.Low, told?.Interval.High, Why);
    }
}
