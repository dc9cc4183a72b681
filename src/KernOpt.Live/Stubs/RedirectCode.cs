using KernOpt.Live.Sites;
using KernOpt.Target;

namespace KernOpt.Live.Stubs;

/// <summary>
/// What every redirected function has in the region:
/// <code>
///     tramp:     notrack jmp [switch]
///     original:  (the site's instruction) ; jmp back
///     counted:   lock inc [calls] ; (the site's instruction) ; jmp back
/// </code>
/// </summary>
internal sealed record RedirectCode(Address Trampoline, Address Original, Address Counted, byte[] Bytes)
{
    public const ulong MostBytes = 144;

    /// <summary>The data of a redirection: the switch, and the calls of the original on a cache line of its own.</summary>
    public const ulong DataBytes = 128;
    public const ulong SwitchAt = 0;
    public const ulong CounterAt = 64;

    public static Outcome<RedirectCode> For(PatchSite site, Address code, Address data)
    {
        var parts = new List<(Address At, byte[] Bytes)>();
        Refusal? refused = null;
        var trampoline = Put(c => c.JumpThrough(data + SwitchAt));
        var original = Put(c =>
        {
            c.AddInstruction(site.Instruction);
            c.jmp(site.Instruction.NextIP);
        });
        var counted = Put(c =>
        {
            c.Count(data + CounterAt, site.FlagsDead);
            c.AddInstruction(site.Instruction);
            c.jmp(site.Instruction.NextIP);
        });
        if (refused is not null) return refused;

        var bytes = new byte[parts[^1].At - code + parts[^1].Bytes.Length];
        bytes.AsSpan().Fill(0xCC);
        foreach (var (at, part) in parts) part.CopyTo(bytes, at - code);
        return new RedirectCode(trampoline, original, counted, bytes);

        Address Put(Action<Iced.Intel.Assembler> write)
        {
            var at = parts.Count == 0 ? code : (parts[^1].At + parts[^1].Bytes.Length).AlignUp(16);
            if (StubAssembler.Assemble(at, write).Try(out var part, out var why)) parts.Add((at, part));
            else refused ??= why;
            return at;
        }
    }
}
