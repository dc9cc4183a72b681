using KernOpt.Engine.Reports;
using KernOpt.Engine.Versions;
using KernOpt.Measure.Comparing;

namespace KernOpt.Engine.Tuning;

/// <summary>One experiment from choice to end, as the report tells it. Attempt identifies what was tried; see <see cref="Attempts"/>.</summary>
internal sealed class ExperimentOutcome(string function, string technique, string bindings, double share)
{
    public string Attempt => $"{function}|{technique}|{bindings}";
    public string Function => function;
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

    public ExperimentRow Row() => new(function, technique, bindings, share, Id, Outcome, Verdict?.Effect, Verdict?.Interval.Low, Verdict?.Interval.High, Why);
}
