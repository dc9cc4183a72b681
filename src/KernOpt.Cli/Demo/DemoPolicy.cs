using KernOpt.Cli.Commands;
using KernOpt.Engine.Policies;
using KernOpt.Target;

namespace KernOpt.Cli.Demo;

/// <summary>The default policy with what makes a minute enough: shorter profiles, a lower bar for what is looked at.</summary>
internal static class DemoPolicy
{
    public static Outcome<Policy> Load() => TuneCommand.LoadPolicy(null).Then<Policy>(policy => policy with
    {
        Name = "default, shortened for the demo",
        Sampling = policy.Sampling with { ProfileTime = TimeSpan.FromSeconds(2) },
        Comparison = policy.Comparison with { Window = TimeSpan.FromMilliseconds(100), MaximumDuration = TimeSpan.FromSeconds(12) },
    });
}
