using KernOpt.Engine.Sessions;

namespace KernOpt.Engine.Probing;

/// <summary>Programs that turn a fault of one of their instructions into an exception of their language: known by the run-time system that is loaded, or by how they are linked.</summary>
internal static class FaultRecovery
{
    private static readonly string[] RunTimes = ["libjvm.so", "libcoreclr.so", "libmonosgen-2.0.so", "libcoreclr_aot.so", "libnode.so", "libgo.so", "libwasmtime.so", "libart.so"];

    /// <summary>Sections that only the Go linker makes.</summary>
    private static readonly string[] GoSections = [".gopclntab", ".note.go.buildid"];

    public static bool IsLikely(Session session) => session.Program.Modules.Any(m =>
        RunTimes.Any(r => m.Name.StartsWith(r, StringComparison.Ordinal)) || m.Name is "node" or "java" or "dotnet" or "mono-sgen"
        || (m.Location.IsMainProgram && m.File.Try(out var file, out _) && file.Image.Sections.Any(s => GoSections.Contains(s.Name))));
}
