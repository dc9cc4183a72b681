using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Covering;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt cover: which code is run.</summary>
internal static class CoverCommand
{
    public static Command Create(CommandFrame frame)
    {
        var module = new Option<string[]>("--module") { Description = "A loaded module by its file name, such as libsqlite3.so.0.8.6, instead of the program itself; may be given again", HelpName = "NAME" };
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(60), "How long");
        var calls = new Option<bool>("--calls") { Description = "Also watch behind each call, which need not come back (exit, longjmp, exceptions); without it a block that was begun counts as run" };
        var lcov = new Option<string?>("--lcov") { Description = "Also write lcov's tracefile, for genhtml", HelpName = "FILE" };
        var cobertura = new Option<string?>("--cobertura") { Description = "Also write Cobertura's XML", HelpName = "FILE" };
        var top = Numbers.Option("--top", 20, 1, int.MaxValue, "Show this many files, those with the most lines first; --json has all");
        return frame.OnTarget("cover", "Which basic blocks and source lines are run; marks go out once they are passed", [module, duration, calls, lcov, cobertura, top],
            parse => OutputFile.Check(parse.GetValue(lcov)).Then(_ => OutputFile.Check(parse.GetValue(cobertura))), async (run, _) =>
        {
            var time = duration.In(run.Parse);
            var outcome = await run.Terminal.WithProgress($"covering for {time.TotalSeconds:0.###} s", progress =>
                CoverRun.RunAsync(run.Session, run.Parse.GetValue(module) ?? [], run.Parse.GetValue(calls), time, progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var result, out var why)) return Terminal.Refuse(why);
            if (run.Parse.GetValue(lcov) is { } one && !CoverageOutput.Write(one, result.Files, CoverageFiles.Lcov).Try(out var done, out why)) return Terminal.Refuse(why);
            if (run.Parse.GetValue(cobertura) is { } other && !CoverageOutput.Write(other, result.Files, (files, pathOf) => CoverageFiles.Cobertura(files, pathOf, TimeProvider.System.GetUtcNow())).Try(out done, out why)) return Terminal.Refuse(why);
            run.Terminal.Show("cover", result.Report, console => Tables.Cover(console, result.Report, run.Parse.GetValue(top)));
            return result.Report.Modules.Any(m => m.BlocksHit > 0) ? ExitCode.Done : ExitCode.Inconclusive;
        });
    }
}
