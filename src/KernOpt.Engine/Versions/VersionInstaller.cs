using System.Collections.Immutable;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Optimize.Guards;
using KernOpt.Target;
using KernOpt.Validate;
using Version = KernOpt.Optimize.Versions.FunctionVersion;

namespace KernOpt.Engine.Versions;

/// <summary>What is to be made. Build is asked twice: for the size, and for the version with its guard's real addresses.</summary>
public sealed record VersionPlan(VersionKind Kind, FunctionGraph Graph, Func<Redirect, GuardTargets, Outcome<Version>> Build)
{
    public IReadOnlyList<EntryBinding> Bindings { get; init; } = [];
    public ImmutableArray<ArgumentTuple> Seeds { get; init; } = [];
    public ValidationLimits Limits { get; init; } = new();

    /// <summary>What callers read after a call, as <see cref="ResultRegisters"/> knows it.</summary>
    public LiveSet Results { get; init; }

    /// <summary>Stop after validation: nothing is installed.</summary>
    public bool IsDryRun { get; init; }

    public string Text => Bindings.Count > 0 ? Versions.Bindings.Text(Bindings) : "";
}

/// <summary>A version that is installed, with the switch not yet at it.</summary>
public sealed record MadeVersion(Redirect Redirect, InstalledVersion Installed, Version Version, ValidationReport Validation)
{
    public VersionReport Report(Session session, FunctionGraph graph, string bindings, int callSites) => new(session.Target.Name, Installed.Id, Installed.Kind.ToString(),
        graph.Function.DisplayName, bindings, Redirect.Site, (int)Installed.Code.Length, Version.Statistics.Before.Instructions, Version.Statistics.After.Instructions,
        Version.Statistics.Before.Blocks, Version.Statistics.After.Blocks, callSites,
        new ValidationRow(Validation.Runs.Total, Validation.Runs.Returned, Validation.Runs.Faulted, Validation.Runs.Total - Validation.Runs.Compared, Validation.RunsPerSecond, Validation.RandomSeed),
        [.. Version.Passes.Select(p => new PassRow(p.Pass, p.Changes, p.After.Instructions, p.After.Blocks, p.Time.TotalMicroseconds))]);
}

/// <summary>Builds, encodes, validates and installs a version, in this order; what fails leaves the target as it was.</summary>
public static class VersionInstaller
{
    public static Outcome<MadeVersion> Install(Session session, Redirect redirect, VersionPlan plan)
    {
        var function = plan.Graph.Function.DisplayName;
        if (!plan.Build(redirect, new GuardTargets(redirect.OriginalEntry, redirect.Code.Start)).Then(v => CodeLayout.UpperBound(v.Body)).Try(out var most, out var why))
        {
            session.Note(JournalKind.Refused, function, $"no {plan.Kind} version: {why}", reason: why.Reason);
            return why;
        }
        var check = new VersionCheck(session, plan.Graph, redirect) { Seeds = plan.Seeds, Bindings = plan.Bindings, Results = plan.Results, Limits = plan.Limits };
        Version? built = null;
        ValidationReport? validation = null;
        var request = new VersionRequest(plan.Kind, plan.Text, most, place =>
            plan.Build(redirect, new GuardTargets(redirect.OriginalEntry, place.MissCounter))
                .Then(version =>
                {
                    built = version;
                    return CodeLayout.Encode(version.Body, place.Code);
                })
                .Then(encoded => check.Run(encoded, place).Then<EncodedCode>(report =>
                {
                    validation = report;
                    return plan.IsDryRun ? Reasons.DryRun.With(function) : encoded;
                })));
        if (!session.Live.InstallVersion(redirect, request).Try(out var installed, out why))
        {
            session.Note(why.Reason == Reasons.VersionDiffers ? JournalKind.Mismatch : JournalKind.Refused, function, $"no {plan.Kind} version: {why}", reason: why.Reason);
            return why;
        }
        session.Note(JournalKind.Validated, function, $"{validation!.Runs.Compared} runs of original and version agreed", installed.Id);
        session.Note(JournalKind.Installed, function, $"{plan.Kind} {plan.Text}: {built!.Statistics.Before.Instructions} -> {built.Statistics.After.Instructions} instructions, {installed.Code.Length} bytes", installed.Id);
        return new MadeVersion(redirect, installed, built!, validation);
    }
}
