using KernOpt.Live;
using KernOpt.Live.Regions;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live;

/// <summary>Forked children, unloaded modules, threads that stay, and other people's changes.</summary>
public sealed class SharedAndGoneTests
{
    [Fact]
    public void RevertInAForkedChild_RestoresItsTextAndLeavesTheParentAlone()
    {
        var parent = TinyProgram.Make();
        TinyProgram.InstallEverything(parent);
        var child = parent.Fork();
        var (text, region) = (parent.Text.ToArray(), parent.Regions[0].Bytes.ToArray());
        child.IsQuiescent = false;
        var report = TinyProgram.Open(child).RevertAll();
        child.IsQuiescent = true;
        // The springboard is the child's own text as well, but the proof was refused.
        Assert.True(report.Restored > 0);
        TinyProgram.Open(child).Collect(unmapsEmpty: false);
        Assert.True(child.TextIsTheFiles);
        Assert.Equal(text, parent.Text);
        Assert.Equal(region, parent.Regions[0].Bytes);
        Assert.True(TinyProgram.Open(parent).RevertAll().IsTextRestored);
        Assert.True(parent.TextIsTheFiles);
    }

    [Fact]
    public void RevertInTheParent_KeepsTheLogForTheChild()
    {
        var parent = TinyProgram.Make();
        TinyProgram.InstallEverything(parent);
        var child = parent.Fork();
        parent.IsQuiescent = false;
        Assert.True(TinyProgram.Open(parent).RevertAll().Draining > 0);
        child.IsQuiescent = true;
        Assert.True(TinyProgram.Open(child).RevertAll().IsTextRestored);
        TinyProgram.Open(child).Collect(unmapsEmpty: false);
        Assert.True(child.TextIsTheFiles);
    }

    [Fact]
    public void InheritedRedirection_CannotBeSwitched_AndNothingNewGoesThere()
    {
        var parent = TinyProgram.Make();
        TinyProgram.Redirect(TinyProgram.Open(parent), parent, 0);
        var child = parent.Fork();
        var live = TinyProgram.Open(child);
        var inherited = Assert.Single(live.Redirects);
        Assert.Equal(Reasons.RegionInherited, inherited.Switch(Arm.CountedOriginal).Refusal.Reason);
        Assert.Equal(Reasons.RegionInherited, live.RedirectFunction(TinyProgram.GraphOf(live, child, 0), live.Sites.Choose(TinyProgram.GraphOf(live, child, 0)).Value).Refusal.Reason);
        TinyProgram.Redirect(live, child, 1);
        Assert.Equal(2, parent.Regions.Count);
    }

    [Fact]
    public void AnotherLibraryAtTheSameAddress_IsNeverWritten()
    {
        var target = TinyProgram.Make();
        TinyProgram.InstallEverything(target);
        target.Inode = 43;
        target.Text.AsSpan().Fill(0xcc);
        var before = target.Text.ToArray();
        var report = TinyProgram.Open(target).RevertAll();
        Assert.Equal(before, target.Text);
        Assert.True(report.Dropped > 0);
        Assert.Empty(target.Regions);
    }

    /// <summary>As programs do that put their text on huge pages: no file is behind it any more, and it still leads to us.</summary>
    [Fact]
    public void TextThatWasCopiedToOtherMemory_KeepsAllThatItLeadsTo()
    {
        var target = TinyProgram.Make();
        TinyProgram.InstallEverything(target);
        target.Inode = 0;
        var before = target.Text.ToArray();
        var report = TinyProgram.Open(target).RevertAll();
        Assert.Equal(before, target.Text);
        Assert.Contains(report.Problems, p => p.Reason == Reasons.TextChangedByOthers);
        Assert.NotEmpty(target.Regions);
    }

    [Fact]
    public void ThreadThatStaysInside_KeepsMemoryAndSpringboard_UntilProved()
    {
        var target = TinyProgram.Make();
        TinyProgram.InstallEverything(target);
        target.IsQuiescent = false;
        var live = TinyProgram.Open(target);
        var report = live.RevertAll();
        Assert.True(report.IsTextRestored && report.Draining > 0);
        Assert.False(target.TextIsTheFiles);    // the springboard
        Assert.Single(target.Regions);
        var again = TinyProgram.Redirect(live, target, 0);
        Assert.True(live.IsInForce(again));
        target.IsQuiescent = true;
        Assert.Equal(0, TinyProgram.Open(target).Collect(unmapsEmpty: false));
        Assert.True(live.IsInForce(again));
        Assert.True(TinyProgram.Open(target).RevertAll().IsTextRestored);
        Assert.True(target.TextIsTheFiles);
        Assert.Empty(target.Regions);
    }

    [Fact]
    public void TextThatSomebodyElseChangedAfterUs_IsLeft_AndItsCodeKept()
    {
        var target = TinyProgram.Make();
        var live = TinyProgram.Open(target);
        var redirect = TinyProgram.Redirect(live, target, 0);
        var at = (int)(redirect.Site - TinyProgram.Start);
        var ours = target.Text[at];
        target.Text[at] = 0xCC;
        Assert.Contains(live.RevertAll().Problems, p => p.Reason == Reasons.TextChangedByOthers);
        Assert.Equal(0xCC, target.Text[at]);
        Assert.Single(target.Regions);
        target.Text[at] = ours;
        Assert.True(TinyProgram.Open(target).RevertAll().IsTextRestored);
        Assert.True(target.TextIsTheFiles);
        Assert.Empty(target.Regions);
    }

    [Fact]
    public void TextThatSomebodyElseChangedBeforeUs_IsRefused()
    {
        var target = TinyProgram.Make();
        var live = TinyProgram.Open(target);
        var graph = TinyProgram.GraphOf(live, target, 0);
        var site = live.Sites.Choose(graph).Value;
        target.Text[(int)(site.At - TinyProgram.Start) + 2] ^= 1;
        Assert.Equal(Reasons.NotUnpatched, live.RedirectFunction(graph, site).Refusal.Reason);
        Assert.Empty(live.Regions);
        Assert.Empty(target.Regions);
    }

    [Fact]
    public void RedirectedFunction_ParsedAgain_IsTheOriginal()
    {
        var target = TinyProgram.Make();
        var live = TinyProgram.Open(target);
        var before = TinyProgram.GraphOf(live, target, 0).Entry.Instructions;
        var redirect = TinyProgram.Redirect(live, target, 0);
        Assert.False(target.TextIsTheFiles);
        Assert.Equal(before, TinyProgram.GraphOf(TinyProgram.Open(target), target, 0).Entry.Instructions);
        Assert.Equal(redirect.Id, TinyProgram.Redirect(live, target, 0).Id);
    }

    [Fact]
    public void RevertOfOneVersion_LeavesTheOther_AndTheSwitchAtTheOriginal()
    {
        var target = TinyProgram.Make();
        var live = TinyProgram.Open(target);
        var redirect = TinyProgram.Redirect(live, target, 0);
        var (one, two) = (TinyProgram.Relocate(live, target, redirect, 0), TinyProgram.Relocate(live, target, redirect, 0));
        redirect.Switch(Arm.Version(one.Id));
        Assert.True(live.Revert(one.Id).Value.IsTextRestored);
        Assert.Equal(Arm.Original, redirect.Current);
        Assert.Equal(two.Id, Assert.Single(redirect.Versions).Id);
        Assert.Equal(Reasons.UnknownId, redirect.Switch(Arm.Version(one.Id)).Refusal.Reason);
        Assert.Equal(Reasons.UnknownId, live.Revert(one.Id).Refusal.Reason);
        live.Revert(two.Id);
        Assert.True(target.TextIsTheFiles);
        Assert.Empty(live.Redirects);
    }

    [Fact]
    public void InstalledAndReverted_AThousandTimes_TheRegionDoesNotGrow()
    {
        var target = TinyProgram.Make();
        var live = TinyProgram.Open(target);
        for (var round = 0; round < 1000; round++)
        {
            var redirect = TinyProgram.Redirect(live, target, round % 2);
            var version = TinyProgram.Relocate(live, target, redirect, round % 2);
            redirect.Switch(Arm.CountedVersion(version.Id));
            live.Revert(version.Id);
            Assert.True(target.TextIsTheFiles);
        }
        var region = Assert.Single(live.Regions);
        Assert.Equal((0UL, 0UL, 0, 0), (region.CodeBytesInUse, region.DataBytesInUse, region.Entries, region.Changes));
        Assert.True(live.Redirects.Count == 0 && target.Regions.Count == 1);
    }
}
