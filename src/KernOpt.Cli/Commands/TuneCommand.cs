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
        var policy = new Option<string?>("--policy") { Description = "What may be tried, where, and at what cost: a file, or the name of a shipped one such as conservative (default: what KERNOPT_POLICY or appsettings.json names, else policies/default.yaml)", HelpName = "FILE" };
        var duration = Durations.Option("--for", TimeSpan.FromSeconds(60), "How long to tune; what was kept stays");
        return frame.OnTarget("tune", "The closed loop: measure, choose, generate, install, compare, keep or roll back", [policy, duration], parse => PolicyOf(parse.GetValue(policy)), async (run, rules) =>
        {
            run.Session.Noted += new DecisionStory(run.Terminal).Tell;
            var outcome = await run.Terminal.WithProgress($"tuning {run.Session.Target.Name}", progress =>
                TuneHost.RunAsync(run.Session, rules, duration.In(run.Parse), progress, run.Cancellation)).ConfigureAwait(false);
            if (!outcome.Try(out var report, out var why)) return Terminal.Refuse(why);
            run.Terminal.Show("tune", report, console => Tables.Tune(console, report));
            return ExitCode.Done;
        });
    }

    private static Outcome<Policy> PolicyOf(string? named) => named is null ? Settings.Read().Then(Usual) : LoadPolicy(named);

    private static Outcome<Policy> Usual(Settings settings)
    {
        var loaded = LoadPolicy(settings.Policy);
        return loaded.IsDone || settings.Policy is null ? loaded : loaded.Refusal.Reason.With($"{loaded.Refusal.Detail} (the policy that KERNOPT_POLICY or appsettings.json names)");
    }

    /// <summary>A file, or the name of one that ships with KernOpt ("conservative").</summary>
    internal static Outcome<Policy> LoadPolicy(string? name)
    {
        // A bare word is looked for among those that ship first: what lies in the current directory may be anybody's.
        var shipped = Path.Combine(AppContext.BaseDirectory, "policies", $"{name ?? "default"}.yaml");
        var isWord = name is null || name == Path.GetFileNameWithoutExtension(name);
        return PolicyFile.Load(isWord && File.Exists(shipped) ? shipped : name ?? shipped);
    }
}
