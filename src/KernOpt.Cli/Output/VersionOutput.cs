using KernOpt.Cli.CommandLine;
using KernOpt.Engine.Reports;
using KernOpt.Target;

namespace KernOpt.Cli.Output;

internal static class VersionOutput
{
    /// <summary>Shows a version that was installed, or refuses.</summary>
    public static int Show(TargetRun run, Outcome<VersionReport> outcome)
    {
        if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
        run.Terminal.Show("version", report, console => Tables.Version(console, report));
        return ExitCode.Done;
    }
}
