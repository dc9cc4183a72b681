using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Target;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Live;

/// <summary>
/// Three functions in an array: <c>Long</c>, whose second instruction has five bytes; <c>Short</c>, that has none and needs a springboard in the padding
/// behind it; <c>Caller</c>, that calls <c>Long</c>.
/// </summary>
internal static class TinyProgram
{
    public static readonly Address Start = new(0x40_0000);

    public static ByteTarget Make(byte padding = 0xCC)
    {
        var text = new byte[4096];
        text.AsSpan().Fill(padding);
        var longBytes = Assemble(0, c =>
        {
            c.push(rbx);
            c.mov(eax, 7);
            c.mov(ebx, edi);
            c.add(eax, ebx);
            c.pop(rbx);
            c.ret();
        });
        var shortBytes = Assemble(64, c =>
        {
            c.mov(eax, edi);
            c.add(eax, esi);
            c.ret();
        });
        var callerBytes = Assemble(128, c =>
        {
            c.sub(rsp, 8);
            c.call(Start.Value);
            c.add(rsp, 8);
            c.ret();
        });
        longBytes.CopyTo(text, 0);
        shortBytes.CopyTo(text, 64);
        callerBytes.CopyTo(text, 128);
        return new ByteTarget(Start, text, (0, (ulong)longBytes.Length), (64, (ulong)shortBytes.Length), (128, (ulong)callerBytes.Length));
    }

    public static LiveCode Open(ByteTarget target) => LiveCode.Open(target, target).Value;

    public static FunctionGraph GraphOf(LiveCode live, ByteTarget target, int function) => FunctionParser.Parse(target.Image.Functions[function], live.Source).Value;

    public static Redirect Redirect(LiveCode live, ByteTarget target, int function)
    {
        var graph = GraphOf(live, target, function);
        return live.RedirectFunction(graph, live.Sites.Choose(graph).Value).Value;
    }

    /// <summary>The identity version of a redirected function.</summary>
    public static InstalledVersion Relocate(LiveCode live, ByteTarget target, Redirect redirect, int function)
    {
        var body = BodyBuilder.Copy(GraphOf(live, target, function), redirect.Site, withFullEntry: true).Value;
        return live.InstallVersion(redirect, new VersionRequest(VersionKind.Relocated, "", CodeLayout.UpperBound(body).Value, place => CodeLayout.Encode(body, place.Code))).Value;
    }

    /// <summary>Everything that LiveCode can do, once.</summary>
    public static void InstallEverything(ByteTarget target)
    {
        var live = Open(target);
        var plain = Redirect(live, target, 0);
        var version = Relocate(live, target, plain, 0);
        live.RedirectCall(plain, version, GraphOf(live, target, 2).Calls[0]);
        plain.Switch(Arm.CountedVersion(version.Id));
        plain.Switch(Arm.Version(version.Id));
        var boarded = Redirect(live, target, 1);
        var probe = live.AddProbe(boarded, 100, 64).Value;
        boarded.Switch(Arm.Probe(probe.Id));
    }

    private static byte[] Assemble(ulong offset, Action<Assembler> write)
    {
        var assembler = new Assembler(64);
        write(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), Start.Value + offset);
        return stream.ToArray();
    }
}
