using KernOpt.Live.Points;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Some of the points of one installation are taken out while the others stay.</summary>
public sealed class RetireTests
{
    private static readonly string[] Functions = ["p_flags", "p_redzone", "p_call", "p_loop", "p_vex", "p_tail", "p_deep"];
    private static readonly HashSet<Address> NoEntries = [];

    [Fact]
    public async Task WhatIsRetired_IsTheFilesTextAgain_TheOthersStay_WhileFourThreadsRun()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var ladder = subject.Live.Ladder();
        var placements = Functions.Select(subject.GraphOf).SelectMany(g => ladder.Plan(g, g.Blocks.Select(b => new Point(b, 0)), NoEntries, isPlaceFree: true).Placements).ToList();
        program.WriteLine("1000000 4");
        var answer = Task.Run(program.ReadLine, TestContext.Current.CancellationToken);
        var report = subject.Live.InstallPoints(placements, new HitProgram(), "test").Value;
        Assert.Empty(report.Refused);
        var retired = placements.Where((_, i) => i % 2 == 0).ToList();
        Assert.Equal(retired.Count, subject.Live.Retire(report.Installed, retired.Select(p => p.StoredAt).ToHashSet()).Value);
        Assert.Equal("ok", await answer);

        var changed = subject.TextDifferences;
        Assert.All(retired, p => Assert.DoesNotContain(changed, d => d.Range.Contains(p.StoredAt)));
        Assert.NotEmpty(changed);
        // Twice is once.
        Assert.Equal(0, subject.Live.Retire(report.Installed, retired.Select(p => p.StoredAt).ToHashSet()).Value);
        // What was retired may be placed again while the rest is in.
        var again = subject.Live.InstallPoints([retired[0]], new HitProgram(), "again").Value;
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
        Assert.Equal(1UL, again.Installed.Word(again.Offsets[0], 0));
        foreach (var (placement, offset) in placements.Zip(report.Offsets).Where(p => !retired.Contains(p.First) && p.First.Block == p.First.Graph.Entry)) Assert.Equal(1UL, report.Installed.Word(offset, 0));
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
    }

    /// <summary>Whoever put them in was killed after it had retired some: a later kernopt takes out the rest.</summary>
    [Fact]
    public void WhatAnotherKernoptRetired_IsNothingToALaterOne()
    {
        using var program = NativeProgram.Start("points.c");
        using (var first = new Subject(program.Pid))
        {
            var graph = first.GraphOf("p_loop");
            var placements = first.Live.Ladder().Plan(graph, graph.Blocks.Select(b => new Point(b, 0)), NoEntries, isPlaceFree: true).Placements;
            var points = first.Live.InstallPoints(placements, new HitProgram(), "test").Value.Installed;
            Assert.Equal(1, first.Live.Retire(points, new HashSet<Address> { placements[0].StoredAt }).Value);
        }
        using var later = new Subject(program.Pid);
        Assert.Single(later.Live.Points);
        Assert.True(later.RevertAll().IsTextRestored);
        Assert.Empty(later.TextDifferences);
        program.WriteLine("10 1");
        Assert.Equal("ok", program.ReadLine());
    }
}
