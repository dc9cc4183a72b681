using KernOpt.Live;
using KernOpt.Tests.Live.Linux;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Functions that four threads call all the time and check, while they are redirected, switched, probed and reverted.</summary>
public sealed class HammeredTests
{
    private static readonly string[] Functions = ["mix", "sum", "tiny", "deep"];

    [Fact]
    public void SwitchedAtRandom_ResultsStayRight_AndTextIsTheFilesAfterwards()
    {
        using var program = NativeProgram.Start("hammer.c");
        program.ReadLine();
        using var subject = new Subject(program.Pid);
        var arms = new List<(Redirect Redirect, Arm[] Arms)>();
        foreach (var name in Functions)
        {
            var graph = subject.GraphOf(name);
            var redirect = subject.Redirect(name);
            var version = subject.Relocate(redirect, graph);
            var probe = subject.Live.AddProbe(redirect, 50).Value;
            arms.Add((redirect, [Arm.Original, Arm.CountedOriginal, Arm.Version(version.Id), Arm.CountedVersion(version.Id), Arm.Probe(probe.Id)]));
        }
        Assert.NotEmpty(subject.TextDifferences);
        var random = new Random(1);
        for (var i = 0; i < 20_000; i++)
        {
            var (redirect, choice) = arms[random.Next(arms.Count)];
            var arm = choice[random.Next(choice.Length)];
            Assert.True(redirect.Switch(arm).IsDone);
            Assert.Equal(arm, redirect.Current);
            if (i % 100 == 0) Thread.Sleep(1);
        }
        Assert.All(arms, a => Assert.True(a.Redirect.OriginalCalls > 0));
        Assert.All(subject.Live.Versions, v => Assert.True(v.Calls > 0));
        AssertGoesOn(program);
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        AssertGoesOn(program);
    }

    [Fact]
    public void CountersCountEachCallOnce()
    {
        using var program = NativeProgram.Start("hammer.c");
        program.ReadLine();
        using var subject = new Subject(program.Pid);
        var sum = subject.Redirect("sum");
        var mix = subject.Redirect("tiny");
        sum.Switch(Arm.CountedOriginal);
        mix.Switch(Arm.CountedOriginal);
        Wait.Until(() => sum.OriginalCalls > 100_000);
        var (before, after) = (sum.OriginalCalls, mix.OriginalCalls);
        // Each round calls both once; threads were between the two when the first switch was thrown.
        Assert.InRange((double)after / before, 0.5, 1.5);
        subject.RevertAll();
    }

    [Fact]
    public void ValueProbe_SeesWhatCallersPass_AndWhoTheyAre()
    {
        using var program = NativeProgram.Start("hammer.c");
        program.ReadLine();
        using var subject = new Subject(program.Pid);
        var redirect = subject.Redirect("sum");
        var probe = subject.Live.AddProbe(redirect, 20).Value;
        redirect.Switch(Arm.Probe(probe.Id));
        var records = new List<ProbeRecord>();
        Wait.Until(() => probe.Drain(records) >= 0 && records.Count > 2000);
        redirect.Switch(Arm.Original);
        var hammer = subject.Image.Find("hammer").Value;
        Assert.All(records, r => Assert.Equal((256UL, 2UL), (r.Rsi, r.Rdx)));
        Assert.All(records, r => Assert.True(hammer.Range.Contains(r.ReturnAddress), $"{r.ReturnAddress} is not in {hammer.Range}"));
        Assert.All(records, r => Assert.Equal(8UL, r.StackPointer % 16));
        Assert.Single(records.Select(r => r.Rdi).Distinct());
        subject.RevertAll();
        AssertGoesOn(program);
    }

    [Fact]
    public void CallThatIsRedirected_GoesPastTheSite_OnlyWhileTheSwitchIsAtTheVersion()
    {
        using var program = NativeProgram.Start("hammer.c");
        program.ReadLine();
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("sum");
        var redirect = subject.Redirect("sum");
        var version = subject.Relocate(redirect, graph);
        var call = subject.GraphOf("hammer").Calls.First(c => c.Target == redirect.Function.Start);
        var outcome = subject.Live.RedirectCall(redirect, version, call);
        if (!outcome.IsDone) Assert.Equal(Reasons.CallNotPatchable, outcome.Refusal.Reason);
        redirect.Switch(Arm.CountedVersion(version.Id));
        Wait.Until(() => version.Calls > 1000);
        redirect.Switch(Arm.CountedOriginal);
        Wait.Until(() => redirect.OriginalCalls > 1000);
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        AssertGoesOn(program);
    }

    [Fact]
    public void InstalledAndRevertedAHundredTimes_NothingGrows()
    {
        using var program = NativeProgram.Start("hammer.c");
        program.ReadLine();
        using var subject = new Subject(program.Pid);
        var mappings = subject.Target.ReadMap().Mappings.Count;
        for (var round = 0; round < 100; round++)
        {
            var name = Functions[round % Functions.Length];
            var graph = subject.GraphOf(name);
            var redirect = subject.Redirect(name);
            redirect.Switch(Arm.Version(subject.Relocate(redirect, graph).Id));
            subject.Live.Revert(redirect.Id);
        }
        Assert.Single(subject.Live.Regions);
        subject.RevertAll();
        Assert.Empty(subject.TextDifferences);
        Assert.Equal(mappings, subject.Target.ReadMap().Mappings.Count);
        AssertGoesOn(program);
    }

    [Fact]
    public void ForkedChild_IsRevertedAlone_ThenTheParent()
    {
        using var program = NativeProgram.Start("hammer.c");
        program.ReadLine();
        using var parent = new Subject(program.Pid);
        foreach (var name in Functions)
        {
            var redirect = parent.Redirect(name);
            redirect.Switch(Arm.Version(parent.Relocate(redirect, parent.GraphOf(name)).Id));
        }
        var patched = parent.TextDifferences.Count;
        program.WriteLine("fork");
        var pid = (int)program.ReadFacts()["child"];
        using (var child = new Subject(pid))
        {
            Assert.Equal(patched, child.TextDifferences.Count);
            Wait.Until(() => child.Live.RevertAll().IsTextRestored && child.TextDifferences.Count == 0);
        }
        Assert.Equal(patched, parent.TextDifferences.Count);
        Assert.True(parent.Live.RevertAll().Draining > 0);
        using (var process = System.Diagnostics.Process.GetProcessById(pid)) process.Kill();
        Wait.Until(() => parent.Live.RevertAll() is { Draining: 0 } && parent.Live.Regions.Count == 0);
        Assert.Empty(parent.TextDifferences);
        AssertGoesOn(program);
    }

    private static void AssertGoesOn(NativeProgram program)
    {
        program.WriteLine("count");
        var before = program.ReadFacts()["count"];
        Wait.Until(() =>
        {
            program.WriteLine("count");
            return program.ReadFacts()["count"] > before + 1000;
        });
    }
}
