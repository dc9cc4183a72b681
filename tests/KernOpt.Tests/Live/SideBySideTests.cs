using KernOpt.Code.Bodies;
using KernOpt.Live;
using KernOpt.Live.Text;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live;

/// <summary>The watch of what was kept works beside the experiments: neither may wait for the other for ever, or work on what the other took out.</summary>
public sealed class SideBySideTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public void Reading_WhileAnotherThreadChangesRecords_DoesNotWaitForIt()
    {
        var target = TinyProgram.Make();
        UnpatchedSource? source = null;
        var couldInvalidate = false;
        source = new UnpatchedSource(target, () =>
        {
            var other = new Thread(source!.Invalidate);
            other.Start();
            couldInvalidate = other.Join(Patience);
            return [];
        });
        Assert.Equal(1, source.Read(TinyProgram.Start, new byte[1]));
        Assert.True(couldInvalidate, "whoever holds the records could not say that they have changed");
    }

    [Fact]
    public void Version_WhoseRedirectionIsTakenOutWhileItIsEncoded_IsRefused()
    {
        var target = TinyProgram.Make();
        var live = TinyProgram.Open(target);
        var redirect = TinyProgram.Redirect(live, target, 0);
        var body = BodyBuilder.Copy(TinyProgram.GraphOf(live, target, 0), redirect.Site, withFullEntry: true).Value;
        var outcome = live.InstallVersion(redirect, new VersionRequest(VersionKind.Relocated, "", CodeLayout.UpperBound(body).Value, place =>
        {
            var other = new Thread(() => live.Revert(redirect.Id));
            other.Start();
            Assert.True(other.Join(Patience));
            return CodeLayout.Encode(body, place.Code);
        }));
        Assert.Equal(Reasons.NotInForce, outcome.Refusal.Reason);
        Assert.Empty(live.Versions);
        Assert.True(target.TextIsTheFiles);
    }

    [Fact]
    public void ZerosBehindAFunction_MayBeData_AndHoldNoSpringboard()
    {
        var target = TinyProgram.Make(padding: 0);
        var live = TinyProgram.Open(target);
        Assert.Equal(Reasons.NoStoreAtOnce, live.Sites.Choose(TinyProgram.GraphOf(live, target, 1)).Refusal.Reason);
        var padded = TinyProgram.Make();
        live = TinyProgram.Open(padded);
        Assert.True(live.Sites.Choose(TinyProgram.GraphOf(live, padded, 1)).IsDone);
    }
}
