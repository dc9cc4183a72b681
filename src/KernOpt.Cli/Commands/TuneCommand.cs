using System.CommandLine;
using KernOpt.Cli.CommandLine;
using KernOpt.Cli.Output;
using KernOpt.Engine.Policies;
using KernOpt.Engine.Tuning;
using KernOpt.Target;

namespace KernOpt.Cli.Commands;

/// <summary>kernopt tune: the closed loop.</summary>
internal static class TuneCommand
{
    public static Command Create(CommandFrame frame)
    {
        var policy = new Option<string?>("--policy") { Description = "What may be tried, where, and at what cost (default: appsettings.json's, policies/default.yaml)", HelpName = "FILE" };
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(60), "How long to tune; what was kept stays");
        return frame.OnTarget("tune", "The closed loop: measure, choose, generate, install, compare, keep or roll back", [policy, duration], async run =>
        {
            var named = run.Parse.GetValue(policy);
            if (!(named is null ? Settings.Read().Then(s => LoadPolicy(s.Policy)) : LoadPolicy(named)).Try(out var rules, out var why)) return Terminal.Refuse(why);
            run.Session.Noted += new DecisionStory(run.Terminal).Tell;
            var outcome = await run.Terminal.WithProgress($"tuning {run.Session.Target.Name}", progress =>
                TuneHost.RunAsync(run.Session, rules, duration.In(run.Parse), progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out why)) return Terminal.Refuse(why);
            run.Terminal.Show("tune", report, console => Tables.Tune(console, report));
            return ExitCode.Done;
        });
    }

    /// <summary>A file, or the name of one that ships with KernOpt ("conservative").</summary>
    internal static Outcome<Policy> LoadPolicy(string? name)
    {
        if (name is not null && File.Exists(name)) return PolicyFile.Load(name);
        var shipped = Path.Combine(AppContext.BaseDirectory, "policies", $"{Path.GetFileNameWithoutExtension(name ?? "default")}.yaml");
        return PolicyFile.Load(File.Exists(shipped) && !(name ?? "").Contains('/', StringComparison.Ordinal) ? shipped : name ?? shipped);
    }
}
