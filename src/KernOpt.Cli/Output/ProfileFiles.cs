using KernOpt.Engine.Reports;
using KernOpt.Measure.Exports;
using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>A profile for other tools: folded stacks where the name ends in .folded or .txt, speedscope's form otherwise.</summary>
internal static class ProfileFiles
{
    public static Outcome<Done> Write(string file, HotReport report, double cpuSeconds)
    {
        var rows = report.Functions.Select(f => ((IReadOnlyList<string>)[f.Module, f.Function], f.Share * cpuSeconds));
        var isFolded = Path.GetExtension(file) is ".folded" or ".txt";
        try
        {
            File.WriteAllText(file, isFolded ? ProfileExports.Folded(rows) : ProfileExports.Speedscope(report.Target, rows).ToJsonString());
            return Done.It;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Reasons.FileNotWritable.With(e.Message);
        }
    }
}
