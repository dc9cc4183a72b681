using KernOpt.Engine.Journaling;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Tests.Live;

namespace KernOpt.Tests.Engine;

/// <summary>A session, with the claim, at a tiny program one of whose functions is redirected and has a version. The switch stands at the original.</summary>
internal sealed record TinySession(ByteTarget Target, Journal Journal, Session Session, Redirect Redirect, InstalledVersion Version) : IDisposable
{
    private string folder = "";

    public static TinySession Open()
    {
        var folder = Directory.CreateTempSubdirectory("kernopt-tiny-").FullName;
        var target = TinyProgram.Make();
        var journal = Journal.Open(Path.Combine(folder, "journal.db")).Value;
        var session = Session.Open(target, journal).Value;
        session.Change();
        var redirect = TinyProgram.Redirect(session.Live, target, 0);
        return new TinySession(target, journal, session, redirect, TinyProgram.Relocate(session.Live, target, redirect, 0)) { folder = folder };
    }

    public void Dispose()
    {
        Session.Dispose();
        Journal.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
